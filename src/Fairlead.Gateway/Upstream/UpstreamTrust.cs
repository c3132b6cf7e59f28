using System.Globalization;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace Fairlead.Gateway.Upstream;

/// <summary>Whether an upstream's certificate holds: the system's roots, then the extra ones. There is no way to switch it off.</summary>
/// <param name="extraRoots">Roots trusted besides the system's.</param>
/// <param name="expectedName">The canonical host that the certificate must be for.</param>
/// <param name="time">The clock that says what "expired" means.</param>
internal sealed class UpstreamTrust(X509Certificate2Collection extraRoots, string expectedName, TimeProvider time)
{
    /// <summary>Why the certificate does not hold, in words; null while none was refused.</summary>
    public string? Problem { get; private set; }

    /// <summary>The callback of the handshake.</summary>
    public bool Accepts(object sender, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        if (errors == SslPolicyErrors.None) return true;
        Problem = Explain(certificate as X509Certificate2, chain, errors);
        if (errors != SslPolicyErrors.RemoteCertificateChainErrors || extraRoots.Count == 0) return false;
        if (certificate is not X509Certificate2 leaf || chain is null) return false;

        using var again = new X509Chain();
        again.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        again.ChainPolicy.CustomTrustStore.AddRange(extraRoots);
        again.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        again.ChainPolicy.ApplicationPolicy.Add(new System.Security.Cryptography.Oid("1.3.6.1.5.5.7.3.1", "serverAuth"));
        again.ChainPolicy.ExtraStore.AddRange(chain.ChainPolicy.ExtraStore);
        if (again.Build(leaf))
        {
            Problem = null;
            return true;
        }

        Problem = Explain(leaf, again, errors);
        return false;
    }

    private string Explain(X509Certificate2? leaf, X509Chain? chain, SslPolicyErrors errors)
    {
        if (leaf is null) return "it sent no certificate";
        if (errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch))
            return $"its certificate is not for {expectedName} but for {NamesOf(leaf)}";
        var now = time.GetUtcNow().UtcDateTime;
        if (leaf.NotAfter.ToUniversalTime() < now) return $"its certificate expired on {Date(leaf.NotAfter)}";
        if (leaf.NotBefore.ToUniversalTime() > now) return $"its certificate is not valid before {Date(leaf.NotBefore)}";
        var statuses = chain?.ChainStatus.Select(s => s.Status).Distinct().ToArray() ?? [];
        if (statuses.Contains(X509ChainStatusFlags.UntrustedRoot) || statuses.Contains(X509ChainStatusFlags.PartialChain))
            return $"its certificate was issued by '{Wire.HostPort.Printable(leaf.Issuer)}', which no trusted root vouches for";
        return $"its certificate does not hold: {string.Join(", ", statuses)}";
    }

    private static string NamesOf(X509Certificate2 leaf)
    {
        var names = leaf.Extensions.OfType<X509SubjectAlternativeNameExtension>()
            .SelectMany(e => e.EnumerateDnsNames().Concat(e.EnumerateIPAddresses().Select(a => a.ToString())))
            .Take(5).Select(Wire.HostPort.Printable).ToArray();
        return names.Length == 0 ? "no host at all" : string.Join(", ", names);
    }

    private static string Date(DateTime date) => date.ToUniversalTime().ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture);
}
