using System.Security.Cryptography;
using System.Text;

namespace Fairlead.Gateway.Audit;

/// <summary>The key that signs checkpoints: ECDSA P-256, in a file of mode 0600 that is made when it is not there.</summary>
internal sealed class AuditKey : IDisposable
{
    private const UnixFileMode Owners = UnixFileMode.UserRead | UnixFileMode.UserWrite;

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
        if (!File.Exists(options.KeyFile))
        {
            using var made = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            DurableFile.Replace(options.KeyFile, Encoding.ASCII.GetBytes(made.ExportPkcs8PrivateKeyPem() + "\n"), Owners);
        }

        if ((File.GetUnixFileMode(options.KeyFile) & ~Owners) != 0)
            throw new InvalidDataException($"expected mode 0600 on {options.KeyFile}: others can read the key that signs the audit; chmod it, and consider a new key");
        var key = Read(options.KeyFile, isPrivate: true);
        var publicPem = Encoding.ASCII.GetBytes(key._key.ExportSubjectPublicKeyInfoPem() + "\n");
        if (!File.Exists(options.PublicKeyFile) || !File.ReadAllBytes(options.PublicKeyFile).AsSpan().SequenceEqual(publicPem))
            DurableFile.Replace(options.PublicKeyFile, publicPem, Owners | UnixFileMode.GroupRead | UnixFileMode.OtherRead);
        return key;
    }

    /// <exception cref="InvalidDataException">The file holds no P-256 key.</exception>
    public static AuditKey ReadPublic(string path) => Read(path, isPrivate: false);

    public byte[] Sign(byte[] text) => _key.SignData(text, HashAlgorithmName.SHA256);

    public bool Verifies(byte[] text, byte[] signature) => _key.VerifyData(text, signature, HashAlgorithmName.SHA256);

    public void Dispose() => _key.Dispose();

    private static AuditKey Read(string path, bool isPrivate)
    {
        var key = ECDsa.Create();
        try
        {
            key.ImportFromPem(File.ReadAllText(path));
            var parameters = key.ExportParameters(isPrivate);
            CryptographicOperations.ZeroMemory(parameters.D);
            if (parameters.Curve.Oid.Value != ECCurve.NamedCurves.nistP256.Oid.Value) throw new CryptographicException("it is a key of another curve");
            return new AuditKey(key);
        }
        catch (Exception e) when (e is ArgumentException or CryptographicException)
        {
            key.Dispose();
            throw new InvalidDataException($"expected the PEM of {(isPrivate ? "an ECDSA P-256 key" : "a public ECDSA P-256 key")} in {path}: {e.Message}", e);
        }
    }
}
