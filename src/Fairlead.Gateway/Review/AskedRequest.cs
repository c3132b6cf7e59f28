using System.Diagnostics.CodeAnalysis;
using Fairlead.Gateway.Policy;
using Fairlead.Wire;

namespace Fairlead.Gateway.Review;

/// <summary>A request that somebody asks about: <c>GET https://api.example.com/v1/x</c>. The path stays as written, byte for byte, as the gateway would get it.</summary>
internal static class AskedRequest
{
    private const string Scheme = "https://";

    /// <param name="method">In capitals.</param>
    /// <param name="url">The URL.</param>
    /// <param name="headers"><c>Name: value</c>, for rules with conditions.</param>
    /// <param name="body">The body, for rules with conditions; null for none.</param>
    /// <param name="facts">The request.</param>
    /// <param name="problem">What was expected and what came.</param>
    public static bool TryParse(string method, string url, IEnumerable<string> headers, string? body, out RequestFacts facts, [NotNullWhen(false)] out string? problem)
    {
        facts = default;
        problem = null;
        if (!Rule.IsMethod(method)) problem = $"expected a method in capitals, such as GET, got '{HostPort.Printable(method)}'";
        else if (!url.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)) problem = $"expected a URL that begins with {Scheme}, got '{HostPort.Printable(url)}'";
        else if (!url.All(c => c is > ' ' and <= '~')) problem = $"expected visible ASCII, as tools send it, got '{HostPort.Printable(url)}'";
        if (problem is not null) return false;

        var rest = url[Scheme.Length..];
        var end = rest.AsSpan().IndexOfAny('/', '?', '#');
        if (!HostPort.TryParse(end < 0 ? rest : rest[..end], defaultPort: 443, out var destination, out problem)) return false;
        var path = end < 0 || rest[end] != '/' ? "/" : rest[end..];
        var tail = path.AsSpan().IndexOfAny('?', '#');
        facts = new RequestFacts(method, destination, tail < 0 ? path : path[..tail], new StatedDetails(url, headers, body));
        return true;
    }
}
