using System.Buffers;
using Fairlead.Gateway.Policy;

namespace Fairlead.Gateway;

/// <summary>What Kestrel lets pass in the head of a request though another server may read it in another way.</summary>
internal static class RequestHead
{
    // RFC 9110 §5.6.2: a token. §5.5: a control character in a value is invalid, and dangerous with some readers; a tab is none of them.
    private static readonly SearchValues<char> TokenCharacters = SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
    private static readonly SearchValues<char> ControlCharacters = SearchValues.Create([.. Enumerable.Range(0, 32).Where(c => c != '\t').Select(c => (char)c), '\x7f']);

    // Kestrel takes the length away that stands beside chunks, and leaves it under this name.
    private const string LengthBesideChunks = "X-Content-Length";

    /// <summary>The first of some headers that a request has. Servers that hand headers on as variables do not tell '-' from '_' or '.', so neither does this.</summary>
    public static string? FirstOf(string[] names, HttpRequest request)
    {
        foreach (var (name, _) in request.Headers)
        {
            foreach (var wanted in names)
            {
                if (HeaderName.IsOneVariable(wanted, name)) return wanted;
            }
        }

        return null;
    }

    /// <summary>Says what is wrong with a head.</summary>
    /// <returns>What was expected; null when there is one reading only.</returns>
    public static string? FaultOf(HttpRequest request)
    {
        var codings = request.Headers.TransferEncoding;
        if (codings.Count > 0)
        {
            // RFC 9112 §6.1: one who forwards must have undone each coding, and we undo chunks only. A length beside them, or a sender of HTTP/1.0, is a framing to doubt.
            if (!"chunked".Equals(codings, StringComparison.OrdinalIgnoreCase)) return "expected 'chunked' as the one transfer coding";
            if (request.Headers.ContainsKey(LengthBesideChunks)) return "expected a length or chunks, got both";
            // RFC 9113 §8.2.2: HTTP/2 frames by itself.
            if (!HttpProtocol.IsHttp11(request.Protocol)) return $"expected no transfer coding in {request.Protocol}";
        }

        foreach (var (name, values) in request.Headers)
        {
            // The pseudo-headers of HTTP/2 are Kestrel's business.
            if (name.AsSpan().IndexOfAnyExcept(TokenCharacters) >= 0 && !name.StartsWith(':')) return "expected names of headers that are tokens";
            foreach (var value in values)
            {
                if (value.AsSpan().IndexOfAny(ControlCharacters) >= 0) return "expected values of headers without control characters";
            }
        }

        return null;
    }
}
