using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Fairlead.EndToEnd.Origins;

/// <summary>Bytes that differ at every offset, so that a lost, doubled or moved block is seen: word i is i times an odd number.</summary>
internal static class TestPattern
{
    public const int BlockBytes = 64 * 1024;
    private const ulong Odd = 0x9e3779b97f4a7c15;

    /// <param name="block">A whole number of words.</param>
    /// <param name="offset">Where the block stands in the stream; a multiple of 8.</param>
    public static void Fill(Span<byte> block, long offset)
    {
        var words = MemoryMarshal.Cast<byte, ulong>(block);
        var word = (ulong)offset / 8;
        for (var i = 0; i < words.Length; i++) words[i] = (word + (ulong)i) * Odd;
    }

    /// <summary>The pattern's first bytes, to send as a body.</summary>
    public static byte[] Bytes(int count)
    {
        var bytes = new byte[(count + 7) / 8 * 8];
        Fill(bytes, 0);
        return bytes[..count];
    }

    public static string Sha256(long count)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var block = new byte[BlockBytes];
        for (long offset = 0; offset < count; offset += block.Length)
        {
            Fill(block, offset);
            hash.AppendData(block, 0, (int)Math.Min(block.Length, count - offset));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
