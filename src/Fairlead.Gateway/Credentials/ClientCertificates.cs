using Fairlead.Wire;

namespace Fairlead.Gateway.Credentials;

/// <summary>The client certificates of one session, each with the hosts that it is shown to. Equal when whoever is asked would be shown the same.</summary>
internal sealed class ClientCertificates : IEquatable<ClientCertificates>
{
    private readonly IReadOnlyList<Credential> _credentials;
    private readonly string _identity;

    /// <param name="credentials">Of which those count that have a certificate.</param>
    public ClientCertificates(IReadOnlyList<Credential> credentials)
    {
        _credentials = [.. credentials.Where(c => c.Certificate is not null)];
        _identity = string.Join('\n', _credentials.Select(c => $"{c.Certificate!.Identity} {string.Join(' ', c.Hosts.Select(h => h.Text))}"));
    }

    public static ClientCertificates None { get; } = new([]);

    /// <summary>What a destination is shown, or null.</summary>
    public ClientCertificate? For(HostPort destination)
    {
        foreach (var credential in _credentials)
        {
            if (credential.IsBoundTo(destination)) return credential.Certificate;
        }

        return null;
    }

    public bool Equals(ClientCertificates? other) => _identity == other?._identity;

    public override bool Equals(object? obj) => Equals(obj as ClientCertificates);

    public override int GetHashCode() => _identity.GetHashCode(StringComparison.Ordinal);

    public override string ToString() => "***";
}
