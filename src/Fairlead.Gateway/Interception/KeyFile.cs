using System.Security.Cryptography;
using Fairlead.Gateway.Files;

namespace Fairlead.Gateway.Interception;

/// <summary>A root's key in a file that is its owner's alone.</summary>
internal sealed class KeyFile : IRootSigner
{
    private KeyFile(ECDsa key) => Key = key;

    public ECDsa Key { get; }

    /// <exception cref="InvalidDataException">The file can be touched by others, or holds no key of an authority.</exception>
    public static KeyFile Read(string path) => new(PrivateKey.Read(path, "the CA"));

    /// <summary>Makes a key and its file.</summary>
    public static KeyFile Create(string path) => new(PrivateKey.Create(path));

    public Task<byte[]> SignAsync(byte[] toBeSigned) => Task.FromResult(Key.SignData(toBeSigned, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence));
}
