using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Fairlead.Gateway.Audit;

/// <summary>A line that vouches for all lines before it, by a signature: who recomputes the chain needs the key.</summary>
/// <param name="Time">When it was signed.</param>
/// <param name="Key">The id of the key.</param>
/// <param name="Kind">What comes behind it.</param>
/// <param name="Signature">ECDSA P-256 with SHA-256, r and s (IEEE P1363), over <see cref="TextOf"/>.</param>
internal sealed record Checkpoint(DateTimeOffset Time, string Key, CheckpointKind Kind, byte[] Signature)
{
    /// <summary>Signs for the chain as it is.</summary>
    public static Checkpoint Sign(AuditKey key, AuditChain chain, DateTimeOffset time, CheckpointKind kind) =>
        new(time, key.Id, kind, key.Sign(TextOf(chain, time, key.Id, kind)));

    /// <returns>Null for what is none.</returns>
    public static Checkpoint? Read(AuditLine line)
    {
        if (line.Type != "checkpoint") return null;
        try
        {
            var record = line.Record;
            var kind = record.GetProperty("closed").GetBoolean() ? CheckpointKind.Closed : record.TryGetProperty("continued", out var continued) && continued.GetBoolean() ? CheckpointKind.Continued : CheckpointKind.Open;
            return new Checkpoint(record.GetProperty("time").GetDateTimeOffset(), record.GetProperty("key").GetString() ?? "", kind, record.GetProperty("signature").GetBytesFromBase64());
        }
        catch (Exception e) when (e is KeyNotFoundException or InvalidOperationException or FormatException or JsonException)
        {
            return null;
        }
    }

    /// <param name="key">Which must have made the signature.</param>
    /// <param name="chain">The chain before this line.</param>
    public bool IsBy(AuditKey key, AuditChain chain) => Key == key.Id && key.Verifies(TextOf(chain, Time, Key, Kind), Signature);

    private static byte[] TextOf(AuditChain chain, DateTimeOffset time, string key, CheckpointKind kind) =>
        Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"fairlead audit checkpoint 2\n{chain.Seq + 1}\n{chain.Head}\n{time.UtcDateTime:O}\n{key}\n{kind.ToString().ToLowerInvariant()}\n"));
}
