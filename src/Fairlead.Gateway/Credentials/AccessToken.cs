using System.Net;
using System.Text.Json;

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
    /// <param name="unstated">How long a token lives that does not say so. Default 5 minutes.</param>
    /// <param name="name">What the token is called. Default <c>access_token</c>.</param>
    /// <exception cref="CredentialException">There is no token in it.</exception>
    public static FetchedSecret.Kept Read(Uri url, HttpStatusCode status, string text, DateTimeOffset began, TimeSpan? unstated = null, string name = "access_token")
    {
        if (status != HttpStatusCode.OK) throw new CredentialException($"{SecretService.Name(url)} answered {(int)status}{ErrorOf(text)}");
        try
        {
            using var document = JsonDocument.Parse(text);
            var root = document.RootElement;
            if (StringOf(root, "token_type") is { } type && !type.Equals("bearer", StringComparison.OrdinalIgnoreCase)) throw Odd(url, "a token of another type than Bearer");
            if (!Secret.TryCreate(name, StringOf(root, name) ?? "", out var token, out _, out var problem)) throw Odd(url, $"an '{name}' that cannot be used: {problem}");
            return Keep(token, began, LifetimeOf(root, unstated ?? UnstatedLifetime));
        }
        catch (JsonException)
        {
            throw Odd(url, "what is no JSON");
        }
    }

    /// <summary>The new refresh token of an answer (RFC 6749 §6), or null where the one that was sent stays.</summary>
    /// <exception cref="CredentialException">It cannot be used.</exception>
    public static Secret? RefreshTokenIn(Uri url, HttpStatusCode status, string text)
    {
        if (status != HttpStatusCode.OK || StringIn(text, "refresh_token") is not { Length: > 0 } value) return null;
        return Secret.TryCreate("refresh_token", value, out var token, out _, out var problem) ? token : throw Odd(url, $"a 'refresh_token' that cannot be used: {problem}");
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

    /// <summary>A text in an object of JSON; null when it is none, or not there.</summary>
    public static string? StringIn(string json, string name)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            return StringOf(document.RootElement, name);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>The same of an object that was read.</summary>
    public static string? StringOf(JsonElement root, string name)
    {
        try
        {
            return MemberOf(root, name) is { ValueKind: JsonValueKind.String } value ? value.GetString() : null;
        }
        catch (InvalidOperationException)
        {
            // Half of a surrogate pair is JSON, and no text.
            return null;
        }
    }

    /// <summary>A member of an object; null when it is none, or not there, or its names cannot be read.</summary>
    public static JsonElement? MemberOf(JsonElement root, string name)
    {
        try
        {
            return root.ValueKind == JsonValueKind.Object && root.TryGetProperty(name, out var value) ? value : null;
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    public static CredentialException Odd(Uri url, string what) => new($"{SecretService.Name(url)} gave {what}");

    // Some endpoints write the number as a text.
    private static TimeSpan LifetimeOf(JsonElement root, TimeSpan unstated)
    {
        if (MemberOf(root, "expires_in") is not { } element) return unstated;
        var seconds = element.ValueKind == JsonValueKind.Number && element.TryGetDouble(out var number) ? number
            : double.TryParse(StringOf(root, "expires_in"), System.Globalization.CultureInfo.InvariantCulture, out var written) ? written : unstated.TotalSeconds;
        return double.IsFinite(seconds) ? TimeSpan.FromSeconds(Math.Clamp(seconds, 0, LongestLifetime.TotalSeconds)) : unstated;
    }

    // RFC 6749 §5.2: one word of a closed list. The description is free text, and may repeat what was sent.
    public static string ErrorOf(string text) =>
        StringIn(text, "error") is { Length: > 0 and <= MaxErrorCharacters } error && error.All(c => char.IsAsciiLetterLower(c) || c == '_') ? $" ({error})" : "";
}
