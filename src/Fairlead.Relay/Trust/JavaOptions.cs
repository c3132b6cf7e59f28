using System.Globalization;
using System.Net;

namespace Fairlead.Relay.Trust;

/// <summary>Options of the Java virtual machine: proxy, trust store, and which hosts are reached directly.</summary>
internal static class JavaOptions
{
    // What stands between these two is ours: a relay that is started where another one's variables still are does not take them for the user's.
    private const string Begin = "-Dfairlead.begin";
    private const string End = "-Dfairlead.end";

    /// <summary>Our options, then the user's: the later one counts, so what the user set on purpose wins and is named by <see cref="Conflicts"/>.</summary>
    /// <param name="facts">The user's options are in its environment.</param>
    /// <param name="variable">Which variable.</param>
    /// <param name="options">Ours.</param>
    public static string Before(TrustFacts facts, string variable, IEnumerable<string> options)
    {
        var ours = $"{Begin} {string.Join(' ', options.Select(Quote).OfType<string>())} {End}";
        return WithoutOurs(facts.Original(variable)) is { Length: > 0 } theirs ? $"{ours} {theirs}" : ours;
    }

    /// <summary>The options without those that another relay put there.</summary>
    public static string WithoutOurs(string? options)
    {
        options ??= "";
        var begin = options.IndexOf(Begin, StringComparison.Ordinal);
        var end = begin < 0 ? -1 : options.IndexOf(End, begin, StringComparison.Ordinal);
        return end < 0 ? options : $"{options[..begin].TrimEnd()} {options[(end + End.Length)..].TrimStart()}".Trim();
    }

    /// <summary>
    /// The hosts of a NO_PROXY list as <c>http.nonProxyHosts</c> has them: names and addresses with a <c>*</c> at one end. Blocks of IPv4 addresses become
    /// whole octets (<c>10.*</c>); what cannot be told (finer blocks, IPv6 blocks, single ports) is left out.
    /// </summary>
    public static string NonProxyHosts(string noProxy) =>
        string.Join('|', noProxy.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).SelectMany(Patterns).Distinct());

    private static IEnumerable<string> Patterns(string entry)
    {
        if (entry.Split('/') is [var network, var bits]) return Octets(network, bits);
        if (IPAddress.TryParse(entry, out var address)) return [address.ToString() is var text && text.Contains(':', StringComparison.Ordinal) ? $"[{text}]" : text];
        if (entry.Contains(':', StringComparison.Ordinal) || entry.Contains('|', StringComparison.Ordinal)) return [];
        return [entry.StartsWith('.') ? $"*{entry}" : entry];
    }

    private static IEnumerable<string> Octets(string network, string bits)
    {
        if (!IPAddress.TryParse(network, out var address) || address.GetAddressBytes() is not { Length: 4 } octets) return [];
        if (!int.TryParse(bits, NumberStyles.None, CultureInfo.InvariantCulture, out var length) || length is < 1 or > 24) return [];
        var whole = (length - 1) / 8; // octets before the one in which the block ends
        var count = 1 << (((whole + 1) * 8) - length);
        var first = octets[whole] & ~(count - 1);
        return Enumerable.Range(first, count).Select(last => $"{string.Concat(octets.Take(whole).Select(o => $"{o}."))}{last}.*");
    }

    // The machine takes quotes in JAVA_TOOL_OPTIONS as a shell does.
    private static string? Quote(string option)
    {
        if (!option.Any(c => char.IsWhiteSpace(c) || c is '"' or '\'')) return option;
        // It knows no escapes: what holds both kinds cannot be said, and a machine that is told half of it does not start.
        if (option.Contains('"', StringComparison.Ordinal)) return option.Contains('\'', StringComparison.Ordinal) ? null : $"'{option}'";
        return $"\"{option}\"";
    }
}
