using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Fairlead.Gateway.Interception;

/// <summary>The certificates of roots: made from their key alone, so that the same key gives the same subject and key id.</summary>
internal static class RootCertificate
{
    /// <summary>A root's certificate lasts a year.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromDays(365);

    /// <summary>It is made anew within its last 30 days.</summary>
    public static readonly TimeSpan RenewBefore = TimeSpan.FromDays(30);

    /// <summary>Clocks of containers run behind; what is not valid yet would stop them.</summary>
    public static readonly TimeSpan ClockSkew = TimeSpan.FromMinutes(5);

    /// <summary>Makes the certificate of a key.</summary>
    public static X509Certificate2 Create(ECDsa key, NameConstraints? constraints, DateTimeOffset now)
    {
        var keyId = new X509SubjectKeyIdentifierExtension(new PublicKey(key), critical: false);
        var request = new CertificateRequest($"CN=Fairlead CA {keyId.SubjectKeyIdentifier![..8]}, O=Fairlead", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, true, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, critical: true));
        request.CertificateExtensions.Add(keyId);
        if (constraints is not null) request.CertificateExtensions.Add(constraints.Build());
        return request.Create(request.SubjectName, X509SignatureGenerator.CreateForECDsa(key), now - ClockSkew, now + Lifetime, NewSerialNumber());
    }

    /// <summary>Reads a certificate from its file.</summary>
    /// <exception cref="InvalidDataException">The file holds none.</exception>
    public static X509Certificate2 Read(string path)
    {
        try
        {
            return X509Certificate2.CreateFromPem(File.ReadAllText(path));
        }
        catch (Exception e) when (e is ArgumentException or CryptographicException)
        {
            throw new InvalidDataException($"expected in {path} the certificate of a CA in PEM: {e.Message}", e);
        }
    }

    /// <summary>RFC 5280 §4.1.2.2: positive, at most 20 octets; CA/B asks for 64 random bits at least.</summary>
    public static byte[] NewSerialNumber()
    {
        var serial = RandomNumberGenerator.GetBytes(16);
        serial[0] = (byte)((serial[0] & 0x7f) | 0x40);
        return serial;
    }
}
