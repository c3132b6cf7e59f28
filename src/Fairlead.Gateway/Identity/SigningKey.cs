using System.Security.Cryptography;
using Microsoft.IdentityModel.Tokens;

namespace Fairlead.Gateway.Identity;

/// <summary>The gateway's own key for session tokens: ECDSA P-256, in a file of mode 0600 that is made when it is not there.</summary>
internal sealed class SigningKey : IDisposable
{
    private readonly ECDsa _key;

    private SigningKey(ECDsa key)
    {
        _key = key;
        Private = new ECDsaSecurityKey(key);
        Private.KeyId = Base64UrlEncoder.Encode(Private.ComputeJwkThumbprint());
        Public = new ECDsaSecurityKey(ECDsa.Create(key.ExportParameters(includePrivateParameters: false))) { KeyId = Private.KeyId };
    }

    /// <summary>Signs. Its id is the thumbprint of RFC 7638.</summary>
    public ECDsaSecurityKey Private { get; }

    /// <summary>Verifies.</summary>
    public ECDsaSecurityKey Public { get; }

    /// <exception cref="InvalidDataException">The file is not such a key, or others can read it.</exception>
    /// <exception cref="IOException">It cannot be read or made.</exception>
    public static SigningKey OpenOrCreate(string path)
    {
        if (!File.Exists(path)) Create(path);
        const UnixFileMode owners = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        if ((File.GetUnixFileMode(path) & ~owners) != 0)
            throw new InvalidDataException($"expected mode 0600 on {path}: others can read the key that signs sessions; chmod it, and consider a new key");
        var key = ECDsa.Create();
        try
        {
            key.ImportFromPem(File.ReadAllText(path));
            var parameters = key.ExportParameters(includePrivateParameters: true);
            CryptographicOperations.ZeroMemory(parameters.D);
            if (parameters.Curve.Oid.Value != ECCurve.NamedCurves.nistP256.Oid.Value) throw new CryptographicException("it is a key of another curve");
            return new SigningKey(key);
        }
        catch (Exception e) when (e is ArgumentException or CryptographicException)
        {
            key.Dispose();
            throw new InvalidDataException($"expected the PEM of an ECDSA P-256 key in {path}: {e.Message}", e);
        }
    }

    public void Dispose() => _key.Dispose();

    private static void Create(string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        // Whole or not at all, and one of two that start at once wins: a link fails where the name is taken.
        var temporary = $"{path}.{Environment.ProcessId}.new";
        File.Delete(temporary);
        using (var file = new FileStream(temporary, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite }))
        {
            file.Write(System.Text.Encoding.ASCII.GetBytes(key.ExportPkcs8PrivateKeyPem() + "\n"));
            file.Flush(flushToDisk: true);
        }

        try
        {
            File.Move(temporary, path, overwrite: false);
        }
        catch (IOException) when (File.Exists(path))
        {
            File.Delete(temporary);
        }
    }
}
