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

    private enum Wildcard
    {
        None,
        OneLabel,
        Labels,
    }

    private readonly Wildcard _wildcard;
    private readonly string _name;

    private HostPattern(string text, Wildcard wildcard, string name, int port) => (Text, _wildcard, _name, Port) = (text, wildcard, name, port);

    /// <summary>The pattern as its author wrote it.</summary>
    public string Text { get; }

    public int Port { get; }

    /// <summary>The one host that is meant, or null when a wildcard may mean several.</summary>
    public string? OnlyHost => _wildcard == Wildcard.None ? _name : null;

    public static bool TryParse(string text, [NotNullWhen(true)] out HostPattern? pattern, [NotNullWhen(false)] out string? problem)
    {
        pattern = null;
        var (wildcard, rest) = text switch
        {
            _ when text.StartsWith("**.", StringComparison.Ordinal) => (Wildcard.Labels, text[3..]),
            _ when text.StartsWith("*.", StringComparison.Ordinal) => (Wildcard.OneLabel, text[2..]),
            _ when text == "**" || text.StartsWith("**:", StringComparison.Ordinal) => (Wildcard.Labels, "any" + text[2..]),
            _ => (Wildcard.None, text),
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

        if (wildcard != Wildcard.None && host.Address is not null)
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
        if (_wildcard == Wildcard.None) return host == _name;
        if (_name.Length == 0) return true;
        // An address has no labels: "**.1" must not mean 127.0.0.1.
        if (destination.Address is not null || !EndsWithLabels(host, _name)) return false;
        return _wildcard == Wildcard.Labels || !host.AsSpan(0, host.Length - _name.Length - 1).Contains('.');
    }

    /// <summary>True when some destination matches both.</summary>
    public bool Overlaps(HostPattern other)
    {
        if (Port != other.Port) return false;
        if (_name.Length == 0 || other._name.Length == 0) return true;
        if (_wildcard == Wildcard.None && other._wildcard == Wildcard.None) return _name == other._name;
        if (_wildcard == Wildcard.None) return other.MatchesName(_name);
        if (other._wildcard == Wildcard.None) return MatchesName(other._name);
        if (_name == other._name) return true;
        var (longer, shorter) = _name.Length > other._name.Length ? (this, other) : (other, this);
        // "*.b.c" lies below "**.c" but never below "*.c", which has exactly two labels.
        return shorter._wildcard == Wildcard.Labels && EndsWithLabels(longer._name, shorter._name);
    }

    private bool MatchesName(string host) => HostPort.TryCreate(host, Port, out var destination, out _) && Matches(destination);

    private static bool EndsWithLabels(string host, string suffix) =>
        host.Length > suffix.Length && host.EndsWith(suffix, StringComparison.Ordinal) && host[host.Length - suffix.Length - 1] == '.';
}
