using Fairlead.Wire;

namespace Fairlead.Gateway.Credentials;

/// <summary>The credentials of one session.</summary>
internal sealed class CredentialSet(IReadOnlyList<Credential> credentials)
{
    public static CredentialSet Empty { get; } = new([]);

    public IReadOnlyList<Credential> All => credentials;

    /// <summary>Those of which the workload holds a placeholder.</summary>
    public IReadOnlyList<Credential> WithPlaceholder { get; } = [.. credentials.Where(c => c.Placeholder is not null)];

    /// <summary>The certificates that upstreams are shown for the session.</summary>
    public ClientCertificates Certificates { get; } = new(credentials);

    /// <summary>Those that are bound to a destination. Two of them never set the same thing: such a configuration does not load.</summary>
    public IReadOnlyList<Credential> For(HostPort destination)
    {
        List<Credential>? bound = null;
        foreach (var credential in credentials)
        {
            if (credential.IsBoundTo(destination)) (bound ??= []).Add(credential);
        }

        return bound ?? (IReadOnlyList<Credential>)[];
    }
}
