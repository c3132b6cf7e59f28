namespace Fairlead.Gateway.Interception;

/// <summary>Holds the key of a root: in a file, or somewhere else behind a program.</summary>
internal interface IRootSigner
{
    /// <summary>Signs with ECDSA and SHA-256.</summary>
    /// <param name="toBeSigned">The bytes themselves, not their digest.</param>
    /// <returns>The signature in DER (RFC 3279 §2.2.3).</returns>
    /// <exception cref="SigningException">There is no signature.</exception>
    Task<byte[]> SignAsync(byte[] toBeSigned);
}
