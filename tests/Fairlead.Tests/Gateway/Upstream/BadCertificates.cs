using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Fairlead.Tests.Gateway.Upstream;

/// <summary>Every way in which a server's certificate can be wrong, made here: what public test sites show, without a network. The good one beside them holds.</summary>
internal sealed class BadCertificates : IDisposable
{
    public const string Host = "api.test";

    private static readonly DateTimeOffset Now = TimeProvider.System.GetUtcNow();
    private readonly List<IDisposable> _made = [];
    private readonly (X509Certificate2 Certificate, AsymmetricAlgorithm Key) _root;

    public BadCertificates() => _root = Authority("CN=Trusted Test Root", null);

    /// <summary>The one root that is trusted.</summary>
    public X509Certificate2 Root => _root.Certificate;

    /// <summary>What a server shows: its certificate with key, and the others that it sends.</summary>
    public (X509Certificate2 Leaf, X509Certificate2Collection Sent) Make(string kind)
    {
        var good = Authority("CN=Good Intermediate", _root);
        return kind switch
        {
            "good" => Leaf(good, sent: good),
            "good rsa" => Leaf(good, sent: good, key: Rsa(2048)),
            "good wildcard" => Leaf(good, sent: good, names: ["*.api.test", "api.test"]),
            "good 1000 names" => Leaf(good, sent: good, names: [.. Enumerable.Range(0, 1000).Select(i => $"n{i}.test"), Host]),
            "expired" => Leaf(good, sent: good, from: Now.AddDays(-20), to: new DateTimeOffset(Now.AddDays(-10).Date, TimeSpan.Zero)),
            "not yet valid" => Leaf(good, sent: good, from: new DateTimeOffset(Now.AddDays(10).Date, TimeSpan.Zero), to: Now.AddDays(20)),
            "wrong host" => Leaf(good, sent: good, names: ["other.test", "www.other.test"]),
            "a thousand wrong names" => Leaf(good, sent: good, names: [.. Enumerable.Range(0, 1000).Select(i => $"n{i}.test")]),
            "wildcard above" => Leaf(good, sent: good, names: ["*.api.test", "*.*", "*"]),
            "no name but in the subject" => Leaf(good, sent: good, names: [], subject: "CN=api.test"),
            "a mail address as alternative name" => Leaf(good, sent: good, names: [], subject: "CN=api.test", mail: "a@api.test"),
            "NUL in the name" => Leaf(good, sent: good, names: ["api.test\0.evil.test"]),
            "NUL in the subject" => Leaf(good, sent: good, names: [], subject: "CN=\"api.test\0.evil.test\""),
            "self-signed" => SelfSigned(),
            "untrusted root" => Untrusted(),
            "untrusted root not sent" => Leaf(Authority("CN=Nobody's Root", null)),
            "incomplete chain" => Leaf(good),
            "expired intermediate" => Through(Authority("CN=Old Intermediate", _root, from: Now.AddYears(-4), to: new DateTimeOffset(Now.AddDays(-10).Date, TimeSpan.Zero))),
            "intermediate that is no authority" => Through(Authority("CN=Not An Authority", _root, isAuthority: false)),
            "leaf as issuer" => Through(Issuer(Leaf(good, subject: "CN=Another Leaf"))),
            "path too long" => Through(Authority("CN=Below The End", Authority("CN=End Of The Path", _root, pathLength: 0))),
            "SHA-1" => Leaf(Authority("CN=SHA-1 Intermediate", _root, key: Rsa(2048)), hash: HashAlgorithmName.SHA1, sendIssuer: true),
            "SHA-1 intermediate" => Sha1Intermediate(),
            "RSA of 1024 bits" => Leaf(good, sent: good, key: Rsa(1024)),
            "intermediate of 1024 bits" => Through(Authority("CN=Small Intermediate", _root, key: Rsa(1024))),
            "client only" => Leaf(good, sent: good, usage: OriginCa.ClientAuth),
            "intermediate for clients only" => Through(Authority("CN=Clients Only", _root, usage: OriginCa.ClientAuth)),
            "name constraints" => Through(Authority("CN=Constrained", _root, permitted: "other.test")),
            "forged signature" => Forged(good),
            _ => throw new ArgumentException(kind, nameof(kind)),
        };
    }

    public void Dispose()
    {
        foreach (var made in _made) made.Dispose();
    }

    private RSA Rsa(int bits)
    {
        var key = RSA.Create(bits);
        _made.Add(key);
        return key;
    }

    private (X509Certificate2 Leaf, X509Certificate2Collection Sent) Through((X509Certificate2 Certificate, AsymmetricAlgorithm Key) issuer) => Leaf(issuer, sent: issuer);

    private (X509Certificate2, X509Certificate2Collection) SelfSigned()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=Just Me", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(Host);
        request.CertificateExtensions.Add(names.Build());
        var made = request.CreateSelfSigned(Now.AddDays(-1), Now.AddDays(1));
        _made.Add(made);
        return (made, []);
    }

    private (X509Certificate2, X509Certificate2Collection) Untrusted()
    {
        var root = Authority("CN=Nobody's Root", null);
        return Leaf(root, sent: root);
    }

    private (X509Certificate2, X509Certificate2Collection) Sha1Intermediate()
    {
        var root = Authority("CN=RSA Intermediate", _root, key: Rsa(2048));
        var old = Authority("CN=SHA-1 Signed", root, hash: HashAlgorithmName.SHA1);
        var (leaf, sent) = Leaf(old, sent: old);
        sent.Add(root.Certificate);
        return (leaf, sent);
    }

    // The right issuer by name and key id, and another key.
    private (X509Certificate2, X509Certificate2Collection) Forged((X509Certificate2 Certificate, AsymmetricAlgorithm Key) good)
    {
        var other = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        _made.Add(other);
        var (leaf, _) = Leaf((good.Certificate, other));
        return (leaf, [good.Certificate]);
    }

    private (X509Certificate2 Certificate, AsymmetricAlgorithm Key) Issuer((X509Certificate2 Leaf, X509Certificate2Collection Sent) leaf) => (leaf.Leaf, leaf.Leaf.GetECDsaPrivateKey()!);

    private (X509Certificate2 Certificate, AsymmetricAlgorithm Key) Authority(
        string name,
        (X509Certificate2 Certificate, AsymmetricAlgorithm Key)? issuer,
        DateTimeOffset? from = null,
        DateTimeOffset? to = null,
        bool isAuthority = true,
        int? pathLength = null,
        AsymmetricAlgorithm? key = null,
        HashAlgorithmName? hash = null,
        string? usage = null,
        string? permitted = null)
    {
        key ??= ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = RequestFor(name, key, hash);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(isAuthority, pathLength is not null, pathLength ?? 0, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        if (usage is not null) request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(usage)], critical: false));
        if (permitted is not null) request.CertificateExtensions.Add(Permit(permitted));
        var made = Sign(request, issuer?.Certificate, issuer?.Key ?? key, from ?? Now.AddYears(-5), to ?? Now.AddYears(5), hash);
        _made.AddRange([key, made]);
        return (made, key);
    }

    private (X509Certificate2 Leaf, X509Certificate2Collection Sent) Leaf(
        (X509Certificate2 Certificate, AsymmetricAlgorithm Key) issuer,
        (X509Certificate2 Certificate, AsymmetricAlgorithm Key)? sent = null,
        bool sendIssuer = false,
        string[]? names = null,
        string subject = "CN=leaf",
        string? mail = null,
        DateTimeOffset? from = null,
        DateTimeOffset? to = null,
        AsymmetricAlgorithm? key = null,
        HashAlgorithmName? hash = null,
        string usage = OriginCa.ServerAuth)
    {
        key ??= ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = RequestFor(subject, key, hash);
        if (names is not []) request.CertificateExtensions.Add(AlternativeNames(names ?? [Host]));
        if (mail is not null)
        {
            var builder = new SubjectAlternativeNameBuilder();
            builder.AddEmailAddress(mail);
            request.CertificateExtensions.Add(builder.Build());
        }

        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(usage)], critical: false));
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(issuer.Certificate, issuer.Certificate.Extensions.OfType<X509SubjectKeyIdentifierExtension>().Any(), true));
        var signed = Sign(request, issuer.Certificate, issuer.Key, from ?? Now.AddDays(-1), to ?? Now.AddDays(1), hash);
        var made = key is RSA rsa ? signed.CopyWithPrivateKey(rsa) : signed.CopyWithPrivateKey((ECDsa)key);
        _made.AddRange([key, signed, made]);
        return (made, sent is { } s ? [s.Certificate] : sendIssuer ? [issuer.Certificate] : []);
    }

    private static CertificateRequest RequestFor(string name, AsymmetricAlgorithm key, HashAlgorithmName? hash)
    {
        var subject = new X500DistinguishedName(name.Replace("\"", "", StringComparison.Ordinal));
        return key is RSA rsa
            ? new CertificateRequest(subject, rsa, hash ?? HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            : new CertificateRequest(subject, (ECDsa)key, hash ?? HashAlgorithmName.SHA256);
    }

    // CertificateRequest.Create wants the issuer to be a fit one; here it need not be.
    private static X509Certificate2 Sign(CertificateRequest request, X509Certificate2? issuer, AsymmetricAlgorithm key, DateTimeOffset from, DateTimeOffset to, HashAlgorithmName? hash)
    {
        X509SignatureGenerator generator = key is RSA rsa
            ? hash == HashAlgorithmName.SHA1 ? new Sha1Generator(rsa) : X509SignatureGenerator.CreateForRSA(rsa, RSASignaturePadding.Pkcs1)
            : X509SignatureGenerator.CreateForECDsa((ECDsa)key);
        var serial = RandomNumberGenerator.GetBytes(8);
        serial[0] = (byte)((serial[0] & 0x3f) | 0x40);
        return request.Create(issuer?.SubjectName ?? request.SubjectName, generator, from, to, serial);
    }

    // SubjectAlternativeNameBuilder refuses what no honest authority would write.
    private static X509Extension AlternativeNames(string[] names)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            foreach (var name in names) writer.WriteCharacterString(UniversalTagNumber.IA5String, name, new Asn1Tag(TagClass.ContextSpecific, 2));
        }

        return new X509Extension("2.5.29.17", writer.Encode(), critical: false);
    }

    // RFC 5280 §4.2.1.10: permittedSubtrees [0] of one dNSName [2].
    private static X509Extension Permit(string name)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        using (writer.PushSequence(new Asn1Tag(TagClass.ContextSpecific, 0)))
        using (writer.PushSequence())
            writer.WriteCharacterString(UniversalTagNumber.IA5String, name, new Asn1Tag(TagClass.ContextSpecific, 2));
        return new X509Extension("2.5.29.30", writer.Encode(), critical: true);
    }

    /// <summary>sha1WithRSAEncryption, whatever hash is asked for.</summary>
    private sealed class Sha1Generator(RSA key) : X509SignatureGenerator
    {
        public override byte[] GetSignatureAlgorithmIdentifier(HashAlgorithmName hashAlgorithm) => [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x05, 0x05, 0x00];

        public override byte[] SignData(byte[] data, HashAlgorithmName hashAlgorithm) => key.SignData(data, HashAlgorithmName.SHA1, RSASignaturePadding.Pkcs1);

        protected override PublicKey BuildPublicKey() => new(key);
    }
}
