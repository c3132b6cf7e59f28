using System.Net;
using System.Text.Json;
using Fairlead.Wire;

namespace Fairlead.Gateway.Credentials;

/// <summary>The answer of a token endpoint of OAuth 2.0 (RFC 6749 §5).</summary>
internal static class AccessToken
{
    private const int MaxErrorCharacters = 64;

    // RFC 6749 §5.1 leaves it to the endpoint to say how long a token lives.
    private static readonly TimeSpan UnstatedLifetime = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan LongestLifetime = TimeSpan.FromDays(1);
    private static readonly TimeSpan MostSkew = TimeSpan.FromMinutes(1);

    /// <summary>Reads it: the token, fresh until a minute before it expires (of a short one, a fifth of its life).</summary>
    /// <param name="url">The endpoint, for messages.</param>
    /// <param name="status">Its status.</param>
    /// <param name="text">What it said.</param>
    /// <param name="began">When it was asked: the life of the token begins there at the latest.</param>
    /// <exception cref="CredentialException">There is no token in it.</exception>
    public static FetchedSecret.Kept Read(Uri url, HttpStatusCode status, string text, DateTimeOffset began)
    {
        if (status != HttpStatusCode.OK) throw new CredentialException($"{SecretService.Name(url)} answered {(int)status}{ErrorOf(text)}");
        try
        {
            using var document = JsonDocument.Parse(text);
            var root = document.RootElement;
            if (StringOf(root, "token_type") is { } type && !type.Equals("bearer", StringComparison.OrdinalIgnoreCase)) throw Odd(url, $"a token of the type '{HostPort.Printable(type)}', expected Bearer");
            if (!Secret.TryCreate("access_token", StringOf(root, "access_token") ?? "", out var token, out _, out var problem)) throw Odd(url, $"an 'access_token' that cannot be used: {problem}");
            return Keep(token, began, LifetimeOf(root));
        }
        catch (JsonException)
        {
            throw Odd(url, "what is no JSON");
        }
    }

    /// <summary>A token and its times.</summary>
    /// <param name="token">The token.</param>
    /// <param name="began">When it was asked for.</param>
    /// <param name="lifetime">How long it lives from there.</param>
    public static FetchedSecret.Kept Keep(Secret token, DateTimeOffset began, TimeSpan lifetime)
    {
        var skew = lifetime / 5 < MostSkew ? lifetime / 5 : MostSkew;
        return new FetchedSecret.Kept(token, began + lifetime - skew, began + lifetime);
    }

    public static string? StringOf(JsonElement root, string name) =>
        root.ValueKind == JsonValueKind.Object && root.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static CredentialException Odd(Uri url, string what) => new($"{SecretService.Name(url)} gave {what}");

    // Some endpoints write the number as a text.
    private static TimeSpan LifetimeOf(JsonElement root)
    {
        if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("expires_in", out var element)) return UnstatedLifetime;
        var seconds = element.ValueKind == JsonValueKind.Number && element.TryGetDouble(out var number) ? number
            : double.TryParse(StringOf(root, "expires_in"), System.Globalization.CultureInfo.InvariantCulture, out var written) ? written : UnstatedLifetime.TotalSeconds;
        return double.IsFinite(seconds) ? TimeSpan.FromSeconds(Math.Clamp(seconds, 0, LongestLifetime.TotalSeconds)) : UnstatedLifetime;
    }

    // RFC 6749 §5.2: one word of a closed list. The description is free text, and may repeat what was sent.
    private static string ErrorOf(string text)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            return StringOf(document.RootElement, "error") is { Length: > 0 and <= MaxErrorCharacters } error && error.All(c => char.IsAsciiLetterLower(c) || c == '_') ? $" ({error})" : "";
        }
        catch (JsonException)
        {
            return "";
        }
    }
}
