using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Fairlead.Wire;

namespace Fairlead.Gateway.Upstream;

/// <summary>Whether an upstream's certificate holds: the system's roots, then the extra ones. There is no way to switch it off.</summary>
/// <param name="extraRoots">Roots trusted besides the system's.</param>
/// <param name="expectedName">The canonical host that the certificate must be for.</param>
/// <param name="time">The clock that says what "expired" means.</param>
internal sealed class UpstreamTrust(X509Certificate2Collection extraRoots, string expectedName, TimeProvider time)
{
    private const int MaxNamesShown = 5;
    private const int MinRsaBits = 2048;
    private const int MinEcBits = 256;

    // RFC 9155 and the Baseline Requirements §7.1.3.2: what may not be signed by.
    private static readonly Dictionary<string, string> WeakSignatures = new()
    {
        ["1.2.840.113549.1.1.4"] = "MD5",
        ["1.2.840.113549.1.1.5"] = "SHA-1",
        ["1.2.840.10040.4.3"] = "SHA-1",
        ["1.2.840.10045.4.1"] = "SHA-1",
    };

    /// <summary>Why the certificate does not hold, in words; null while none was refused.</summary>
    public string? Problem { get; private set; }

    /// <summary>How a chain to the system's roots is built. Nothing is downloaded for it: a certificate that says where its issuer's is to be had must not make us dial there.</summary>
    public static X509ChainPolicy SystemRoots()
    {
        var policy = new X509ChainPolicy { RevocationMode = X509RevocationMode.NoCheck, DisableCertificateDownloads = true };
        policy.ApplicationPolicy.Add(new Oid("1.3.6.1.5.5.7.3.1", "serverAuth"));
        return policy;
    }

    /// <summary>The callback of the handshake.</summary>
    public bool Accepts(object sender, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        if (certificate is not X509Certificate2 leaf || chain is null)
        {
            Problem = "it sent no certificate";
            return false;
        }

        if (!errors.HasFlag(SslPolicyErrors.RemoteCertificateChainErrors))
        {
            Problem = WhyNotFor(leaf, errors) ?? WhyWeak(chain);
            return Problem is null && errors == SslPolicyErrors.None;
        }

        if (extraRoots.Count == 0)
        {
            Problem = WhyNotFor(leaf, errors) ?? WhyBroken(leaf, chain);
            return false;
        }

        using var again = new X509Chain { ChainPolicy = SystemRoots() };
        again.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        again.ChainPolicy.CustomTrustStore.AddRange(extraRoots);
        again.ChainPolicy.ExtraStore.AddRange(chain.ChainPolicy.ExtraStore);
        var holds = again.Build(leaf);
        Problem = WhyNotFor(leaf, errors) ?? (holds ? WhyWeak(again) : WhyBroken(leaf, again));
        return Problem is null;
    }

    // RFC 9525 §6.3: the names of the extension alone. What stands in the subject is text for people, yet OpenSSL and .NET take it for a name where the
    // extension has none of the kind. (.NET's own comparison without that throws at names with '_', which there are.)
    private string? WhyNotFor(X509Certificate2 leaf, SslPolicyErrors errors)
    {
        var isFor = !errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch) && (IPAddress.TryParse(expectedName, out _)
            ? leaf.MatchesHostname(expectedName, allowWildcards: false, allowCommonName: false)
            : leaf.Extensions.OfType<X509SubjectAlternativeNameExtension>().Any(e => e.EnumerateDnsNames().Any()));
        return isFor ? null : $"its certificate is not for {expectedName} but for {NamesOf(leaf)}";
    }

    // The last one is a root, which is trusted for itself: nobody looks at its signature.
    private static string? WhyWeak(X509Chain chain)
    {
        for (var i = 0; i < chain.ChainElements.Count; i++)
        {
            var certificate = chain.ChainElements[i].Certificate;
            var which = i == 0 ? "its certificate" : $"the certificate of its issuer '{HostPort.Printable(certificate.Subject)}'";
            if (i < chain.ChainElements.Count - 1 && WeakSignatures.TryGetValue(certificate.SignatureAlgorithm.Value ?? "", out var hash)) return $"{which} is signed with {hash}, which can be forged";
            using var rsa = certificate.GetRSAPublicKey();
            if (rsa?.KeySize < MinRsaBits) return $"{which} has an RSA key of {rsa.KeySize} bits, expected {MinRsaBits} or more";
            using var ec = certificate.GetECDsaPublicKey();
            if (ec?.KeySize < MinEcBits) return $"{which} has an EC key of {ec.KeySize} bits, expected {MinEcBits} or more";
        }

        return null;
    }

    private string WhyBroken(X509Certificate2 leaf, X509Chain chain)
    {
        for (var i = 0; i < chain.ChainElements.Count; i++)
        {
            var certificate = chain.ChainElements[i].Certificate;
            if (WhyNotNow(certificate, i == 0 ? "its certificate" : $"the certificate of its issuer '{HostPort.Printable(certificate.Subject)}'") is { } when) return when;
        }

        var statuses = chain.ChainStatus.Select(s => s.Status).Distinct().ToArray();
        var issuer = $"'{HostPort.Printable(leaf.Issuer)}'";
        if (leaf.SubjectName.RawData.AsSpan().SequenceEqual(leaf.IssuerName.RawData)) return $"its certificate is self-signed: {issuer} vouches for itself, and no trusted root does";
        if (statuses.Contains(X509ChainStatusFlags.NotSignatureValid)) return $"its certificate says that it was issued by {issuer}, but the signature is not from there";
        if (statuses.Contains(X509ChainStatusFlags.UntrustedRoot)) return $"its certificate was issued by {issuer}, which no trusted root vouches for";
        if (statuses.Contains(X509ChainStatusFlags.PartialChain))
        {
            var top = chain.ChainElements.Count == 0 ? leaf : chain.ChainElements[^1].Certificate;
            return $"its certificate was issued by {issuer}, which no trusted root vouches for: the certificate of '{HostPort.Printable(top.Issuer)}' is neither trusted nor sent by the server";
        }

        if (statuses.Contains(X509ChainStatusFlags.InvalidBasicConstraints)) return $"its certificate was issued by {issuer}, whose own certificate is not one of a certificate authority";
        if (statuses.Contains(X509ChainStatusFlags.NotValidForUsage)) return "its certificate, or one of its issuers', is not for servers: extended key usage";
        X509ChainStatusFlags[] constraints =
        [
            X509ChainStatusFlags.HasNotPermittedNameConstraint, X509ChainStatusFlags.HasExcludedNameConstraint, X509ChainStatusFlags.InvalidNameConstraints,
            X509ChainStatusFlags.HasNotSupportedNameConstraint, X509ChainStatusFlags.HasNotDefinedNameConstraint,
        ];
        if (statuses.Any(constraints.Contains)) return $"its certificate is for names that its issuers may not vouch for: name constraints of {issuer} or above";
        return $"its certificate does not hold: {string.Join(", ", statuses)}";
    }

    private string? WhyNotNow(X509Certificate2 certificate, string which)
    {
        var now = time.GetUtcNow().UtcDateTime;
        if (certificate.NotAfter.ToUniversalTime() < now) return $"{which} expired on {Date(certificate.NotAfter)}";
        return certificate.NotBefore.ToUniversalTime() > now ? $"{which} is not valid before {Date(certificate.NotBefore)}" : null;
    }

    private static string NamesOf(X509Certificate2 leaf)
    {
        string[] names = [.. leaf.Extensions.OfType<X509SubjectAlternativeNameExtension>()
            .SelectMany(e => e.EnumerateDnsNames().Concat(e.EnumerateIPAddresses().Select(a => a.ToString())))];
        if (names.Length == 0) return "no host at all (it has no subject alternative name)";
        var more = names.Length > MaxNamesShown ? $" and {names.Length - MaxNamesShown} more" : "";
        return string.Join(", ", names.Take(MaxNamesShown).Select(HostPort.Printable)) + more;
    }

    private static string Date(DateTime date) => date.ToUniversalTime().ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture);
}
