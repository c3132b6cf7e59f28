using System.Security.Cryptography;

namespace Fairlead.Gateway.Interception;

/// <summary>A root's key in a file that is its owner's alone.</summary>
internal sealed class KeyFile : IRootSigner
{
    private KeyFile(ECDsa key) => Key = key;

    public ECDsa Key { get; }

    /// <exception cref="InvalidDataException">The file can be touched by others, or holds no key of an authority.</exception>
    public static KeyFile Read(string path)
    {
        if ((File.GetUnixFileMode(path) & ~(UnixFileMode.UserRead | UnixFileMode.UserWrite)) != 0)
            throw new InvalidDataException($"expected mode 0600 on {path}: others can read the key of the CA; chmod it, and consider a new authority");
        var key = ECDsa.Create();
        try
        {
            key.ImportFromPem(File.ReadAllText(path));
            // A public key imports as well, and so does a key of another curve.
            var parameters = key.ExportParameters(includePrivateParameters: true);
            CryptographicOperations.ZeroMemory(parameters.D);
            if (parameters.Curve.Oid.Value != ECCurve.NamedCurves.nistP256.Oid.Value) throw new CryptographicException("it is a key of another curve");
            return new KeyFile(key);
        }
        catch (Exception e) when (e is ArgumentException or CryptographicException)
        {
            key.Dispose();
            throw new InvalidDataException($"expected the PEM of an ECDSA P-256 key in {path}: {e.Message}", e);
        }
    }

    /// <summary>Makes a key and its file.</summary>
    public static KeyFile Create(string path)
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        WholeFile.Write(path, key.ExportPkcs8PrivateKeyPem() + "\n", UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return new KeyFile(key);
    }

    public Task<byte[]> SignAsync(byte[] toBeSigned) => Task.FromResult(Key.SignData(toBeSigned, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence));
}
