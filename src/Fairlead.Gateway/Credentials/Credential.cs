using Fairlead.Gateway.Policy;
using Fairlead.Wire;

namespace Fairlead.Gateway.Credentials;

/// <summary>What is added to requests for the hosts it is bound to.</summary>
/// <param name="Name">The name in the configuration; the audit shows it, never a value.</param>
/// <param name="Headers">The headers it sets.</param>
/// <param name="Hosts">Where it may go.</param>
internal sealed record Credential(string Name, IReadOnlyList<InjectedHeader> Headers, IReadOnlyList<HostPattern> Hosts)
{
    /// <summary>The parameters of the query that it sets.</summary>
    public IReadOnlyList<InjectedParameter> Parameters { get; init; } = [];

    /// <summary>What becomes of a header of its own that the workload sent itself.</summary>
    public ExistingHeader Existing { get; init; }

    /// <summary>What the workload holds in place of its secret, or null.</summary>
    public Placeholder? Placeholder { get; init; }

    /// <summary>Where what it sets comes from, in words without any value.</summary>
    public IReadOnlyList<string> Sources { get; init; } = [];

    /// <summary>Why nobody but the gateway may use it, or null.</summary>
    public string? ForGatewayOnly { get; init; }

    public bool IsBoundTo(HostPort destination)
    {
        foreach (var host in Hosts)
        {
            if (host.Matches(destination)) return true;
        }

        return false;
    }

    /// <summary>The header or parameter that both would set on one request, or null. Such a pair must not serve one session: which of them won would be an accident.</summary>
    public string? ConflictWith(Credential other)
    {
        if (!Hosts.Any(mine => other.Hosts.Any(mine.Overlaps))) return null;
        return Headers.FirstOrDefault(mine => other.Headers.Any(theirs => theirs.IsNamed(mine.Name)))?.Name
            ?? Parameters.FirstOrDefault(mine => other.Parameters.Any(theirs => theirs.Name.Equals(mine.Name, StringComparison.OrdinalIgnoreCase)))?.Name;
    }
}
