using System.Collections.Concurrent;

namespace Fairlead.Relay.Tunnel;

/// <summary>Targets to which the gateway's last answer was yes: tools that ask for them again are told so ahead of it.</summary>
internal sealed class KnownTargets
{
    // Beyond what a workload talks to; who asks for more makes it begin again.
    private const int Most = 1024;

    private readonly ConcurrentDictionary<string, bool> _targets = new(StringComparer.Ordinal);

    public bool Contains(string target) => _targets.ContainsKey(target);

    public void Learn(string target, bool isEstablished)
    {
        if (!isEstablished) _targets.TryRemove(target, out _);
        else if (!_targets.ContainsKey(target))
        {
            if (_targets.Count >= Most) _targets.Clear();
            _targets[target] = true;
        }
    }
}
