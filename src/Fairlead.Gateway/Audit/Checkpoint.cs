using System.Globalization;
using System.Text;

namespace Fairlead.Gateway.Audit;

/// <summary>A line that vouches for all lines before it, by a signature: who recomputes the chain needs the key.</summary>
/// <param name="Time">When it was signed.</param>
/// <param name="Key">The id of the key.</param>
/// <param name="IsClosing">True for the last line of a gateway that was stopped in order.</param>
/// <param name="Signature">ECDSA P-256 with SHA-256, r and s (IEEE P1363), over <see cref="TextOf"/>.</param>
internal sealed record Checkpoint(DateTimeOffset Time, string Key, bool IsClosing, byte[] Signature)
{
    /// <summary>Signs for the chain as it is.</summary>
    public static Checkpoint Sign(AuditKey key, AuditChain chain, DateTimeOffset time, bool isClosing) =>
        new(time, key.Id, isClosing, key.Sign(TextOf(chain, time, key.Id, isClosing)));

    /// <param name="key">Which must have made the signature.</param>
    /// <param name="chain">The chain before this line.</param>
    public bool IsBy(AuditKey key, AuditChain chain) => Key == key.Id && key.Verifies(TextOf(chain, Time, Key, IsClosing), Signature);

    private static byte[] TextOf(AuditChain chain, DateTimeOffset time, string key, bool isClosing) =>
        Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"fairlead audit checkpoint 2\n{chain.Seq + 1}\n{chain.Head}\n{time.UtcDateTime:O}\n{key}\n{(isClosing ? "closed" : "open")}\n"));
}
