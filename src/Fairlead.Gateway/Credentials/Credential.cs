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

    /// <summary>What signs the request, or null.</summary>
    public IRequestSigner? Signer { get; init; }

    /// <summary>The certificate that its hosts are shown in TLS, or null.</summary>
    public ClientCertificate? Certificate { get; init; }

    /// <summary>What becomes of a header of its own that the workload sent itself.</summary>
    public ExistingHeader Existing { get; init; }

    /// <summary>What the workload holds in place of its secret, or null.</summary>
    public Placeholder? Placeholder { get; init; }

    /// <summary>Where what it sets comes from, in words without any value.</summary>
    public IReadOnlyList<string> Sources { get; init; } = [];

    /// <summary>Why nobody but the gateway may use it, or null.</summary>
    public string? ForGatewayOnly { get; init; }

    /// <summary>Whether its secrets are taken out of what comes back.</summary>
    public bool IsScrubbed { get; init; } = true;

    /// <summary>The secrets that it sends.</summary>
    public IEnumerable<ISecret> Secrets => [.. Headers.SelectMany(h => h.Secrets), .. Parameters.SelectMany(p => p.Secrets), .. Placeholder is null ? (ISecret[])[] : [Placeholder.Secret], .. Signer?.Secrets ?? []];

    private IEnumerable<string> NamesOfHeaders => Headers.Select(h => h.Name).Concat(Signer?.Headers ?? []);

    public bool IsBoundTo(HostPort destination)
    {
        for (var i = 0; i < Hosts.Count; i++)
        {
            if (Hosts[i].Matches(destination)) return true;
        }

        return false;
    }

    /// <summary>The header or parameter that both would set on one request, or null. Such a pair must not serve one session: which of them won would be an accident.</summary>
    public string? ConflictWith(Credential other)
    {
        if (!Hosts.Any(mine => other.Hosts.Any(mine.Overlaps))) return null;
        if (Signer is not null && other.Signer is not null) return "a signature";
        if (Certificate is not null && other.Certificate is not null) return "a client certificate";
        return NamesOfHeaders.FirstOrDefault(mine => other.NamesOfHeaders.Any(theirs => HeaderName.IsOneVariable(mine, theirs)))
            ?? Parameters.FirstOrDefault(mine => other.Parameters.Any(theirs => theirs.Name.Equals(mine.Name, StringComparison.OrdinalIgnoreCase)))?.Name;
    }
}
