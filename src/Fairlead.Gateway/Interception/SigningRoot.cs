using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Fairlead.Gateway.Interception;

/// <summary>One root: its certificate, and who signs with its key.</summary>
internal sealed class SigningRoot
{
    private static readonly TimeSpan LeafLifetime = TimeSpan.FromHours(24);
    private readonly IRootSigner _signer;

    /// <exception cref="CryptographicException">Its name constraints cannot be read.</exception>
    public SigningRoot(X509Certificate2 certificate, IRootSigner signer)
    {
        (Certificate, _signer) = (certificate, signer);
        Pem = certificate.ExportCertificatePem() + "\n";
        Constraints = NameConstraints.Of(certificate);
    }

    /// <summary>A root to look at, which signs nothing.</summary>
    /// <exception cref="InvalidDataException">The file holds no certificate.</exception>
    public static SigningRoot OfCertificate(string path) => new(RootCertificate.Read(path), NoSigner.Instance);

    public X509Certificate2 Certificate { get; }

    public string Pem { get; }

    public DateTimeOffset NotAfter => Certificate.NotAfter;

    /// <summary>For which names it may sign; null for all.</summary>
    public NameConstraints? Constraints { get; }

    /// <summary>SHA-256 of the certificate, as openssl x509 -fingerprint -sha256 shows it.</summary>
    public string Fingerprint => string.Join(':', Certificate.GetCertHash(HashAlgorithmName.SHA256).Select(b => b.ToString("X2", System.Globalization.CultureInfo.InvariantCulture)));

    /// <summary>Signs a leaf for one host: ECDSA P-256, one SAN, 24 hours at most and never longer than the root.</summary>
    /// <param name="host">A canonical host name, or the text of an address.</param>
    /// <param name="address">The address, when the host is one.</param>
    /// <param name="leafKey">The leaf's key.</param>
    /// <param name="now">The time.</param>
    /// <exception cref="SigningException">There is no signature.</exception>
    public async Task<X509Certificate2> IssueAsync(string host, IPAddress? address, ECDsa leafKey, DateTimeOffset now)
    {
        var request = RequestFor(host, address, leafKey);
        var notBefore = Max(now - RootCertificate.ClockSkew, Certificate.NotBefore);
        var notAfter = now + LeafLifetime < NotAfter ? now + LeafLifetime : NotAfter;
        var serial = RootCertificate.NewSerialNumber();

        // The framework asks for a signature within a call that cannot wait. So it is asked twice: for the bytes, and with their signature.
        var generator = new PreparedSignature(Certificate.PublicKey);
        using (request.Create(Certificate.SubjectName, generator, notBefore, notAfter, serial)) { }
        generator.Signature = await _signer.SignAsync(generator.ToBeSigned);
        using var signed = request.Create(Certificate.SubjectName, generator, notBefore, notAfter, serial);
        return signed.CopyWithPrivateKey(leafKey);
    }

    private CertificateRequest RequestFor(string host, IPAddress? address, ECDsa leafKey)
    {
        // RFC 5280 §4.2.1.6: with an empty subject the SAN is critical. A common name has room for 64 characters only.
        var request = new CertificateRequest(new X500DistinguishedName([0x30, 0x00]), leafKey, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        if (address is not null) names.AddIpAddress(address);
        else names.AddDnsName(host);
        request.CertificateExtensions.Add(names.Build(critical: true));
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1", "serverAuth")], critical: false));
        if (Certificate.Extensions.OfType<X509SubjectKeyIdentifierExtension>().FirstOrDefault() is { } keyId)
            request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromSubjectKeyIdentifier(keyId));
        return request;
    }

    private static DateTimeOffset Max(DateTimeOffset one, DateTimeOffset other) => one > other ? one : other;

    private sealed class NoSigner : IRootSigner
    {
        public static NoSigner Instance { get; } = new();

        public Task<byte[]> SignAsync(byte[] toBeSigned) => throw new SigningException("was not asked for");
    }

    /// <summary>Takes the bytes at the first call, and gives their signature at the second.</summary>
    private sealed class PreparedSignature(PublicKey issuer) : X509SignatureGenerator
    {
        // SEQUENCE { OID ecdsa-with-SHA256 } (RFC 5758 §3.2).
        private static readonly byte[] EcdsaWithSha256 = [0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];

        public byte[] ToBeSigned { get; private set; } = [];

        public byte[]? Signature { get; set; }

        public override byte[] GetSignatureAlgorithmIdentifier(HashAlgorithmName hashAlgorithm) => EcdsaWithSha256;

        public override byte[] SignData(byte[] data, HashAlgorithmName hashAlgorithm)
        {
            if (Signature is null) ToBeSigned = data;
            else if (!data.AsSpan().SequenceEqual(ToBeSigned)) throw new CryptographicException("the second request differs from the first");
            return Signature ?? [];
        }

        protected override PublicKey BuildPublicKey() => issuer;
    }
}
