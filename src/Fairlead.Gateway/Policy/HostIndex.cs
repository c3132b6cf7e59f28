using Fairlead.Wire;

namespace Fairlead.Gateway.Policy;

/// <summary>Whether some pattern of many matches a destination, at a cost that the number of patterns does not change.</summary>
internal sealed class HostIndex
{
    private readonly HashSet<(string Name, int Port)> _exact = [];
    private readonly HashSet<(string Name, int Port)> _oneLabel = [];
    private readonly HashSet<(string Name, int Port)> _labels = [];
    private readonly HashSet<int> _any = [];

    public HostIndex(IEnumerable<HostPattern> patterns)
    {
        foreach (var pattern in patterns)
        {
            if (pattern.IsAnyHost) _any.Add(pattern.Port);
            else (pattern.Wildcard switch { HostWildcard.None => _exact, HostWildcard.OneLabel => _oneLabel, _ => _labels }).Add((pattern.Name, pattern.Port));
        }
    }

    public bool Matches(HostPort destination)
    {
        var (host, port) = (destination.Host, destination.Port);
        if (_any.Contains(port) || _exact.Contains((host, port))) return true;
        // An address has no labels.
        if (destination.Address is not null || _oneLabel.Count + _labels.Count == 0) return false;
        var dot = host.IndexOf('.', StringComparison.Ordinal);
        if (dot >= 0 && _oneLabel.Contains((host[(dot + 1)..], port))) return true;
        for (; dot >= 0; dot = host.IndexOf('.', dot + 1))
        {
            if (_labels.Contains((host[(dot + 1)..], port))) return true;
        }

        return false;
    }
}
