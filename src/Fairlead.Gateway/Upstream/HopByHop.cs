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

    /// <summary>The names that a Connection header nominates, or null.</summary>
    public static HashSet<string>? Nominated(StringValues connection)
    {
        if (connection.Count == 0) return null;
        var names = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var value in connection)
        {
            foreach (var name in (value ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)) names.Add(name);
        }

        return names;
    }
}
