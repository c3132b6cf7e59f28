using System.Security.Cryptography;
using Fairlead.Gateway.Files;
using Microsoft.IdentityModel.Tokens;

namespace Fairlead.Gateway.Identity;

/// <summary>The gateway's own key for session tokens, in a file that is its owner's alone.</summary>
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

    /// <exception cref="InvalidDataException">There is none, it is not such a key, or others can read it.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static SigningKey Open(string path) => File.Exists(path)
        ? new SigningKey(PrivateKey.Read(path, "the sessions"))
        : throw new InvalidDataException($"there is no key in {path}: the first start of the gateway makes it, or `fairlead-gateway session new`");

    /// <summary>Makes a key where there is none.</summary>
    /// <returns>True when it did.</returns>
    /// <exception cref="IOException">It cannot be made.</exception>
    public static bool CreateIfMissing(string path)
    {
        if (File.Exists(path)) return false;
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        PrivateKey.Create(path).Dispose();
        return true;
    }

    public void Dispose() => _key.Dispose();
}
