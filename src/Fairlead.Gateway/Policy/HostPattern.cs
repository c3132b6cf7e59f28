using System.Diagnostics.CodeAnalysis;
using Fairlead.Wire;

namespace Fairlead.Gateway.Policy;

/// <summary>
/// Which hosts and port are meant: <c>api.example.com</c> is that host, <c>*.example.com</c> one label before it, <c>**.example.com</c> one
/// or more, <c>**</c> any host. None of them means <c>example.com</c> itself unless it is written. Without a port, 443.
/// </summary>
internal sealed record HostPattern
{
    private const int DefaultPort = 443;

    private HostPattern(string text, HostWildcard wildcard, string name, int port) => (Text, Wildcard, Name, Port) = (text, wildcard, name, port);

    /// <summary>The pattern as its author wrote it.</summary>
    public string Text { get; }

    public int Port { get; }

    public HostWildcard Wildcard { get; }

    /// <summary>The name behind the wildcard; empty where any host is meant.</summary>
    public string Name { get; }

    public bool IsAnyHost => Name.Length == 0;

    public static bool TryParse(string text, [NotNullWhen(true)] out HostPattern? pattern, [NotNullWhen(false)] out string? problem)
    {
        pattern = null;
        var (wildcard, rest) = text switch
        {
            _ when text.StartsWith("**.", StringComparison.Ordinal) => (HostWildcard.Labels, text[3..]),
            _ when text.StartsWith("*.", StringComparison.Ordinal) => (HostWildcard.OneLabel, text[2..]),
            _ when text == "**" || text.StartsWith("**:", StringComparison.Ordinal) => (HostWildcard.Labels, "any" + text[2..]),
            _ => (HostWildcard.None, text),
        };
        if (rest.Contains('*', StringComparison.Ordinal))
        {
            problem = $"'{text}': a '*' stands for the first labels only: '*.example.com' (one label), '**.example.com' (one or more) or '**' (any host)";
            return false;
        }

        if (!HostPort.TryParse(rest, DefaultPort, out var host, out var cause))
        {
            problem = $"'{text}': {cause}";
            return false;
        }

        if (wildcard != HostWildcard.None && host.Address is not null)
        {
            problem = $"'{text}': an address has no labels for a '*' to stand for";
            return false;
        }

        var isAnyHost = text.StartsWith("**", StringComparison.Ordinal) && !text.StartsWith("**.", StringComparison.Ordinal);
        pattern = new HostPattern(text, wildcard, isAnyHost ? "" : host.Host, host.Port);
        problem = null;
        return true;
    }

    public bool Matches(HostPort destination)
    {
        if (destination.Port != Port) return false;
        var host = destination.Host;
        if (Wildcard == HostWildcard.None) return host == Name;
        if (IsAnyHost) return true;
        // An address has no labels: "**.1" must not mean 127.0.0.1.
        if (destination.Address is not null || !EndsWithLabels(host, Name)) return false;
        return Wildcard == HostWildcard.Labels || !host.AsSpan(0, host.Length - Name.Length - 1).Contains('.');
    }

    /// <summary>True when this pattern matches every destination that the other matches.</summary>
    public bool Covers(HostPattern other)
    {
        if (Port != other.Port) return false;
        if (IsAnyHost) return true;
        return other.Wildcard switch
        {
            _ when other.IsAnyHost => false,
            HostWildcard.None => MatchesName(other.Name),
            HostWildcard.OneLabel when Wildcard == HostWildcard.OneLabel => Name == other.Name,
            _ => Wildcard == HostWildcard.Labels && (Name == other.Name || EndsWithLabels(other.Name, Name)),
        };
    }

    /// <summary>True when some destination matches both.</summary>
    public bool Overlaps(HostPattern other)
    {
        if (Port != other.Port) return false;
        if (IsAnyHost || other.IsAnyHost) return true;
        if (Wildcard == HostWildcard.None && other.Wildcard == HostWildcard.None) return Name == other.Name;
        if (Wildcard == HostWildcard.None) return other.MatchesName(Name);
        if (other.Wildcard == HostWildcard.None) return MatchesName(other.Name);
        if (Name == other.Name) return true;
        var (longer, shorter) = Name.Length > other.Name.Length ? (this, other) : (other, this);
        // "*.b.c" lies below "**.c" but never below "*.c", which has exactly two labels.
        return shorter.Wildcard == HostWildcard.Labels && EndsWithLabels(longer.Name, shorter.Name);
    }

    private bool MatchesName(string host) => HostPort.TryCreate(host, Port, out var destination, out _) && Matches(destination);

    private static bool EndsWithLabels(string host, string suffix) =>
        host.Length > suffix.Length && host.EndsWith(suffix, StringComparison.Ordinal) && host[host.Length - suffix.Length - 1] == '.';
}
