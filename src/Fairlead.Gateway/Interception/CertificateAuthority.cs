using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Fairlead.Gateway.Interception;

/// <summary>
/// The root that containers trust, and the leaves it signs. The key is made on first start and kept, 0600 in a directory of 0700; the same
/// key gives the same subject and key id, so bundles that were handed out stay valid over restarts.
/// </summary>
internal sealed class CertificateAuthority : IDisposable
{
    private const string CertificateFile = "ca.pem";
    private const string KeyFile = "ca.key";
    private static readonly TimeSpan RootLifetime = TimeSpan.FromDays(365);
    private static readonly TimeSpan RenewRootBefore = TimeSpan.FromDays(30);
    private static readonly TimeSpan LeafLifetime = TimeSpan.FromHours(24);

    // Clocks of containers run behind; a leaf that is not valid yet would stop them.
    private static readonly TimeSpan ClockSkew = TimeSpan.FromMinutes(5);

    private readonly X509Certificate2 _root;
    private readonly ECDsa _leafKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly TimeProvider _time;

    private CertificateAuthority(X509Certificate2 root, TimeProvider time)
    {
        _root = root;
        _time = time;
        RootPem = root.ExportCertificatePem() + "\n";
    }

    /// <summary>What containers put into their bundles.</summary>
    public string RootPem { get; }

    public DateTimeOffset NotAfter => _root.NotAfter;

    /// <summary>Opens the authority of a directory, and makes it when the directory has none.</summary>
    /// <exception cref="InvalidDataException">The directory holds half a pair, or a pair that does not belong together.</exception>
    public static CertificateAuthority OpenOrCreate(string directory, TimeProvider time)
    {
        Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var keyPath = Path.Combine(directory, KeyFile);
        var certificatePath = Path.Combine(directory, CertificateFile);
        if (!File.Exists(keyPath) && File.Exists(certificatePath))
            throw new InvalidDataException($"{certificatePath} has no {KeyFile} beside it; restore the key, or remove the certificate to begin with a new authority");

        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        if (File.Exists(keyPath)) ImportKey(key, keyPath);
        else WriteNew(keyPath, key.ExportPkcs8PrivateKeyPem() + "\n", UnixFileMode.UserRead | UnixFileMode.UserWrite);

        X509Certificate2 root;
        var now = time.GetUtcNow();
        if (File.Exists(certificatePath) && ReadRoot(certificatePath, key) is { } kept && kept.NotAfter - RenewRootBefore > now.UtcDateTime)
        {
            root = kept;
        }
        else
        {
            using var made = CreateRoot(key, now);
            root = made.CopyWithPrivateKey(key);
            WriteNew(certificatePath, root.ExportCertificatePem() + "\n", UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead);
        }

        return new CertificateAuthority(root, time);
    }

    /// <summary>Signs a leaf for one host: ECDSA P-256, one SAN, 24 hours at most and never longer than the root.</summary>
    /// <param name="host">A canonical host name, or the text of an address.</param>
    /// <param name="address">The address, when the host is one.</param>
    public X509Certificate2 Issue(string host, IPAddress? address)
    {
        // RFC 5280 §4.2.1.6: with an empty subject the SAN is critical. A common name has room for 64 characters only.
        var request = new CertificateRequest(new X500DistinguishedName([0x30, 0x00]), _leafKey, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        if (address is not null) names.AddIpAddress(address);
        else names.AddDnsName(host);
        request.CertificateExtensions.Add(names.Build(critical: true));
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1", "serverAuth")], critical: false));
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(_root, includeKeyIdentifier: true, includeIssuerAndSerial: false));

        var now = _time.GetUtcNow();
        var notAfter = now + LeafLifetime < NotAfter ? now + LeafLifetime : NotAfter;
        using var signed = request.Create(_root, now - ClockSkew, notAfter, NewSerialNumber());
        return signed.CopyWithPrivateKey(_leafKey);
    }

    public void Dispose()
    {
        _root.Dispose();
        _leafKey.Dispose();
    }

    private static X509Certificate2 CreateRoot(ECDsa key, DateTimeOffset now)
    {
        var publicKey = new PublicKey(key);
        var keyId = new X509SubjectKeyIdentifierExtension(publicKey, critical: false);
        var request = new CertificateRequest($"CN=Fairlead CA {keyId.SubjectKeyIdentifier![..8]}, O=Fairlead", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, true, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, critical: true));
        request.CertificateExtensions.Add(keyId);
        var generator = X509SignatureGenerator.CreateForECDsa(key);
        return request.Create(request.SubjectName, generator, now - ClockSkew, now + RootLifetime, NewSerialNumber());
    }

    private static void ImportKey(ECDsa key, string path)
    {
        if ((File.GetUnixFileMode(path) & ~(UnixFileMode.UserRead | UnixFileMode.UserWrite)) != 0)
            throw new InvalidDataException($"expected mode 0600 on {path}: others can read the key of the CA; chmod it, and consider a new authority");
        try
        {
            key.ImportFromPem(File.ReadAllText(path));
            // A public key imports as well, and so does a key of another curve.
            var parameters = key.ExportParameters(includePrivateParameters: true);
            CryptographicOperations.ZeroMemory(parameters.D);
            if (parameters.Curve.Oid.Value != ECCurve.NamedCurves.nistP256.Oid.Value) throw new CryptographicException("it is a key of another curve");
        }
        catch (Exception e) when (e is ArgumentException or CryptographicException)
        {
            throw new InvalidDataException($"expected the PEM of an ECDSA P-256 key in {path}: {e.Message}", e);
        }
    }

    private static X509Certificate2 ReadRoot(string path, ECDsa key)
    {
        try
        {
            using var certificate = X509Certificate2.CreateFromPem(File.ReadAllText(path));
            return certificate.CopyWithPrivateKey(key);
        }
        catch (Exception e) when (e is ArgumentException or CryptographicException)
        {
            throw new InvalidDataException($"expected in {path} the certificate of the key beside it: {e.Message}", e);
        }
    }

    private static void WriteNew(string path, string text, UnixFileMode mode)
    {
        // Whole or not at all: a start that is cut must not leave half a key behind.
        var temporary = path + ".new";
        File.Delete(temporary);
        using (var file = new FileStream(temporary, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = mode }))
        {
            file.Write(System.Text.Encoding.ASCII.GetBytes(text));
            file.Flush(flushToDisk: true);
        }

        File.Move(temporary, path, overwrite: true);
    }

    private static byte[] NewSerialNumber()
    {
        // RFC 5280 §4.1.2.2: positive, at most 20 octets; CA/B asks for 64 random bits at least.
        var serial = RandomNumberGenerator.GetBytes(16);
        serial[0] = (byte)((serial[0] & 0x7f) | 0x40);
        return serial;
    }
}
