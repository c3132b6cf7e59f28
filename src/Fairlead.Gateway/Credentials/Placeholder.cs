using System.Diagnostics.CodeAnalysis;
using System.Net.Http.Headers;
using System.Text;

namespace Fairlead.Gateway.Credentials;

/// <summary>A text that the workload holds in place of a secret, and where in a request the secret takes its place.</summary>
/// <param name="text">The text. It is no secret.</param>
/// <param name="secret">What it stands for.</param>
/// <param name="surfaces">Where it is swapped.</param>
internal sealed class Placeholder(string text, ISecret secret, SwapSurfaces surfaces)
{
    /// <summary>The least length: what is shorter could stand in a request by chance.</summary>
    public const int MinLength = 16;

    public string Text => text;

    public SwapSurfaces Surfaces => surfaces;

    /// <summary>What it stands for.</summary>
    public ISecret Secret => secret;

    /// <summary>Checks a text of the configuration.</summary>
    /// <returns>Null, or what is wrong with it.</returns>
    public static string? ProblemOf(string text) => text switch
    {
        { Length: < MinLength } => $"expected at least {MinLength} characters, got {text.Length}",
        // It must read the same in a header, a query and a string of JSON.
        _ when !text.All(c => char.IsAsciiLetterOrDigit(c) || "-._~+/=:".Contains(c, StringComparison.Ordinal)) => "expected letters, digits and '-._~+/=:' only",
        _ => null,
    };

    /// <summary>True when a request holds it in its target or its headers, also percent-encoded or within Basic.</summary>
    public bool IsIn(string target, IHeaderDictionary headers) => IsIn(target) || headers.Any(h => !h.Key.StartsWith(':') && h.Value.Any(v => v is not null && IsInHeader(v)));

    /// <summary>True when the value of a header holds it, also percent-encoded or within Basic.</summary>
    public bool IsInHeader(string value) => IsIn(value) || (TryReadBasic(value, out var pair) && IsIn(pair));

    /// <summary>True when a text holds it, also percent-encoded.</summary>
    public bool IsIn(string value) =>
        value.Contains(text, StringComparison.Ordinal) || (value.Contains('%', StringComparison.Ordinal) && Uri.UnescapeDataString(value).Contains(text, StringComparison.Ordinal));

    /// <summary>What it stands for, now, in a request.</summary>
    /// <exception cref="CredentialException">It cannot be had.</exception>
    public ValueTask<Secret> GetAsync(RequestLine request, CancellationToken cancellationToken) => secret.For(request).GetAsync(cancellationToken);

    /// <summary>Reads the credentials of Basic (RFC 7617), the bytes as Latin-1.</summary>
    public static bool TryReadBasic(string header, [NotNullWhen(true)] out string? pair)
    {
        pair = null;
        if (!header.StartsWith("Basic ", StringComparison.OrdinalIgnoreCase) || !AuthenticationHeaderValue.TryParse(header, out var value) || value.Parameter is not { } encoded) return false;
        // One that comes without its padding is read all the same: some servers do.
        var bytes = new byte[encoded.Length];
        if (!Convert.TryFromBase64String(encoded.PadRight((encoded.Length + 3) / 4 * 4, '='), bytes, out var length)) return false;
        pair = Encoding.Latin1.GetString(bytes, 0, length);
        return true;
    }

    public override string ToString() => $"{text} → ***";
}

/// <summary>Where in a request a placeholder is swapped.</summary>
[Flags]
internal enum SwapSurfaces
{
    None = 0,
    Header = 1,
    Basic = 2,
    Query = 4,
    Body = 8,
}
