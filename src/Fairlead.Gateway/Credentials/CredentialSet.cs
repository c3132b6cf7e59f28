using Fairlead.Wire;

namespace Fairlead.Gateway.Credentials;

/// <summary>The credentials of one session.</summary>
internal sealed class CredentialSet(IReadOnlyList<Credential> credentials)
{
    private readonly (Credential Credential, ISecret[] Secrets)[] _scrubbed = [.. credentials.Where(c => c.IsScrubbed).Select(c => (c, c.Secrets.ToArray()))];

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

    /// <summary>
    /// What may not come back from a destination, and the credential it is of: the secrets of all that are bound to it, whether or not a request carries them, since an upstream may remember what another one brought.
    /// </summary>
    public IReadOnlyList<(string Credential, Secret Value)> SecretsFor(HostPort destination)
    {
        var held = new List<(string Credential, Secret Value)>();
        foreach (var (credential, secrets) in _scrubbed)
        {
            if (!credential.IsBoundTo(destination)) continue;
            foreach (var secret in secrets)
            {
                foreach (var value in secret.Held)
                {
                    if (!held.Exists(h => ReferenceEquals(h.Value, value))) held.Add((credential.Name, value));
                }
            }
        }

        return held;
    }
}
