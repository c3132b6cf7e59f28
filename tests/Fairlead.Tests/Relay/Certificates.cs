using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Fairlead.Tests.Relay;

/// <summary>Certificates made for one test.</summary>
internal static class Certificates
{
    public static X509Certificate2 Ca(DateTimeOffset? from = null, DateTimeOffset? to = null) => Create("CN=Test CA", isCa: true, from, to);

    public static X509Certificate2 SelfSigned(string name) => Create($"CN={name}", isCa: false, null, null, name);

    /// <summary>A certificate for a name, signed by a CA; without its key.</summary>
    public static X509Certificate2 Leaf(X509Certificate2 ca, string name, DateTimeOffset to)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(name);
        request.CertificateExtensions.Add(names.Build());
        return request.Create(ca, TimeProvider.System.GetUtcNow().AddMinutes(-5), to, RandomNumberGenerator.GetBytes(8));
    }

    private static X509Certificate2 Create(string subject, bool isCa, DateTimeOffset? from, DateTimeOffset? to, string? name = null)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(isCa, false, 0, critical: true));
        if (name is not null)
        {
            var names = new SubjectAlternativeNameBuilder();
            if (IPAddress.TryParse(name, out var address)) names.AddIpAddress(address);
            else names.AddDnsName(name);
            request.CertificateExtensions.Add(names.Build());
        }

        var now = TimeProvider.System.GetUtcNow();
        return request.CreateSelfSigned(from ?? now.AddHours(-1), to ?? now.AddHours(1));
    }
}
