using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Unicode;

namespace Fairlead.Gateway.Audit;

/// <summary>
/// Where the chain of lines is. Each line begins with its number and the SHA-256 of the line before it, so that nobody can change, remove, insert
/// or reorder lines without changing all that follow.
/// <code>{"version":2,"seq":17,"prev":"…64 digits…", and the record</code>
/// </summary>
/// <param name="Seq">The number of the last line; 0 before the first.</param>
/// <param name="Head">The SHA-256 of its bytes without the line feed, in hex; random before the first.</param>
internal readonly record struct AuditChain(long Seq, string Head)
{
    public const int SchemaVersion = 2;

    // The words, a number of 19 digits, and a hash.
    private const int MaxPrefixBytes = 160;

    /// <summary>Before the first line of all.</summary>
    public static AuditChain New() => new(0, Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(SHA256.HashSizeInBytes)));

    public static string HashOf(ReadOnlySpan<byte> line)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(line, hash);
        return Convert.ToHexStringLower(hash);
    }

    /// <summary>Writes the next line, with its line feed.</summary>
    /// <param name="record">The record as a JSON object of its own.</param>
    /// <param name="output">Gets the line.</param>
    /// <returns>The chain behind it.</returns>
    public AuditChain Seal(ReadOnlySpan<byte> record, ArrayBufferWriter<byte> output)
    {
        var begin = output.WrittenCount;
        _ = Utf8.TryWrite(output.GetSpan(MaxPrefixBytes), CultureInfo.InvariantCulture, $$"""{"version":{{SchemaVersion}},"seq":{{Seq + 1}},"prev":"{{Head}}",""", out var prefix);
        output.Advance(prefix);
        output.Write(record[1..]);
        var next = new AuditChain(Seq + 1, HashOf(output.WrittenSpan[begin..]));
        output.Write("\n"u8);
        return next;
    }
}
