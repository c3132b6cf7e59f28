using System.Security.Cryptography;

namespace Fairlead.Gateway.Files;

/// <summary>A key of the gateway's own in a file: ECDSA P-256 in PEM, and its owner's alone.</summary>
internal static class PrivateKey
{
    private const UnixFileMode Owners = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Reads a key.</summary>
    /// <param name="path">Its file.</param>
    /// <param name="what">Whose it is, for messages.</param>
    /// <exception cref="InvalidDataException">The file can be touched by others, or holds no such key.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static ECDsa Read(string path, string what)
    {
        RequireOwnersAlone(path, what);
        var key = ECDsa.Create();
        try
        {
            key.ImportFromPem(File.ReadAllText(path));
            // A public key imports as well, and so does a key of another curve.
            var parameters = key.ExportParameters(includePrivateParameters: true);
            CryptographicOperations.ZeroMemory(parameters.D);
            if (parameters.Curve.Oid.Value != ECCurve.NamedCurves.nistP256.Oid.Value) throw new CryptographicException("it is a key of another curve");
            return key;
        }
        catch (Exception e) when (e is ArgumentException or CryptographicException)
        {
            key.Dispose();
            throw new InvalidDataException($"expected the PEM of an ECDSA P-256 key in {path}: {e.Message}", e);
        }
    }

    /// <summary>Checks that nobody but its owner can touch a file with a key.</summary>
    /// <exception cref="InvalidDataException">Others can.</exception>
    /// <exception cref="IOException">It cannot be looked at.</exception>
    public static void RequireOwnersAlone(string path, string what)
    {
        if ((File.GetUnixFileMode(path) & ~Owners) != 0)
            throw new InvalidDataException($"expected mode 0600 on {path}: others can read the key of {what}; chmod it, and consider a new one");
    }

    /// <summary>Makes a key and its file, in place of the one that was there.</summary>
    public static ECDsa Create(string path)
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        WholeFile.Write(path, key.ExportPkcs8PrivateKeyPem() + "\n", Owners);
        return key;
    }
}
