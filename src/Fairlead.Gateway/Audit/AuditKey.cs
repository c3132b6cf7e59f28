using System.Security.Cryptography;
using Fairlead.Gateway.Files;

namespace Fairlead.Gateway.Audit;

/// <summary>The key that signs checkpoints: ECDSA P-256, in a file of mode 0600 that is made when it is not there.</summary>
internal sealed class AuditKey : IDisposable
{
    private const UnixFileMode Everybodys = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    private readonly ECDsa _key;

    private AuditKey(ECDsa key)
    {
        _key = key;
        Id = Convert.ToHexStringLower(SHA256.HashData(key.ExportSubjectPublicKeyInfo()).AsSpan(0, 8));
    }

    /// <summary>The first 16 digits of the SHA-256 of its public half.</summary>
    public string Id { get; }

    /// <summary>Reads the private key, or makes it; and leaves the public one beside the audit for whoever verifies.</summary>
    /// <exception cref="InvalidDataException">The file is no such key, or others can read it.</exception>
    public static AuditKey OpenOrCreate(AuditOptions options)
    {
        var key = new AuditKey(File.Exists(options.KeyFile) ? PrivateKey.Read(options.KeyFile, "the audit") : PrivateKey.Create(options.KeyFile));
        var publicPem = key._key.ExportSubjectPublicKeyInfoPem() + "\n";
        if (!File.Exists(options.PublicKeyFile) || File.ReadAllText(options.PublicKeyFile) != publicPem) WholeFile.Write(options.PublicKeyFile, publicPem, Everybodys);
        return key;
    }

    /// <exception cref="InvalidDataException">The file holds no P-256 key.</exception>
    public static AuditKey ReadPublic(string path)
    {
        var key = ECDsa.Create();
        try
        {
            key.ImportFromPem(File.ReadAllText(path));
            if (key.ExportParameters(includePrivateParameters: false).Curve.Oid.Value != ECCurve.NamedCurves.nistP256.Oid.Value) throw new CryptographicException("it is a key of another curve");
            return new AuditKey(key);
        }
        catch (Exception e) when (e is ArgumentException or CryptographicException)
        {
            key.Dispose();
            throw new InvalidDataException($"expected the PEM of a public ECDSA P-256 key in {path}: {e.Message}", e);
        }
    }

    public byte[] Sign(byte[] text) => _key.SignData(text, HashAlgorithmName.SHA256);

    public bool Verifies(byte[] text, byte[] signature) => _key.VerifyData(text, signature, HashAlgorithmName.SHA256);

    public void Dispose() => _key.Dispose();
}
