using Microsoft.Extensions.Primitives;

namespace Fairlead.Gateway.Upstream;

/// <summary>Headers that end at one hop (RFC 9110 §7.6.1), and those that Connection nominates.</summary>
internal static class HopByHop
{
    private static readonly HashSet<string> Names = new(StringComparer.OrdinalIgnoreCase)
    {
        "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authentication-Info", "Proxy-Authorization", "Proxy-Connection", "TE", "Transfer-Encoding", "Upgrade",
    };

    public static bool Contains(string name) => Names.Contains(name) || name.StartsWith("Proxy-", StringComparison.OrdinalIgnoreCase);

    /// <summary>
    /// The names that a Connection header nominates, or null. Kestrel keeps only the word keep-alive or close of one that holds it, so beside these
    /// a nomination is not seen: the header then goes on, which reveals nothing and loses nothing.
    /// </summary>
    public static HashSet<string>? Nominated(StringValues connection)
    {
        // Nearly every answer says keep-alive, which names no header but one of the above.
        if (connection.Count == 0 || (connection.Count == 1 && IsOfConnection(connection[0]))) return null;
        var names = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var value in connection)
        {
            foreach (var name in (value ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)) names.Add(name);
        }

        return names;
    }

    private static bool IsOfConnection(string? value) => "keep-alive".Equals(value, StringComparison.OrdinalIgnoreCase) || "close".Equals(value, StringComparison.OrdinalIgnoreCase);
}
