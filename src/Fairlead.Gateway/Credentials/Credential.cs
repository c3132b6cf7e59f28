using Fairlead.Gateway.Policy;
using Fairlead.Wire;

namespace Fairlead.Gateway.Credentials;

/// <summary>What is added to requests for the hosts it is bound to.</summary>
/// <param name="Name">The name in the configuration; the audit shows it, never a value.</param>
/// <param name="Headers">The headers it sets.</param>
/// <param name="Hosts">Where it may go.</param>
internal sealed record Credential(string Name, IReadOnlyList<InjectedHeader> Headers, IReadOnlyList<HostPattern> Hosts)
{
    public bool IsBoundTo(HostPort destination)
    {
        foreach (var host in Hosts)
        {
            if (host.Matches(destination)) return true;
        }

        return false;
    }

    /// <summary>The header that both would set on one request, or null. Such a pair must not serve one session: which of them won would be an accident.</summary>
    public string? ConflictWith(Credential other)
    {
        if (!Hosts.Any(mine => other.Hosts.Any(mine.Overlaps))) return null;
        return Headers.FirstOrDefault(mine => other.Headers.Any(theirs => mine.Name.Equals(theirs.Name, StringComparison.OrdinalIgnoreCase)))?.Name;
    }
}
