using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Fairlead.Gateway.Credentials;

/// <summary>
/// Finds the first of a few strings of bytes, 32 places at a time: the first three bytes are looked up by their halves, each of which says which groups of patterns it may
/// belong to ("Teddy", as in Hyperscan). .NET's own search of this kind is over chars, and making chars of bytes costs as much as the search.
/// </summary>
internal sealed class BytePatterns
{
    private const int Looked = 3;
    private const int Groups = 8;

    private readonly byte[][] _patterns;
    private readonly int _shortest;

    // For each of the first three bytes, what its lower and its upper half may belong to: a bit for each group.
    private readonly Vector128<byte>[] _lower = new Vector128<byte>[Looked];
    private readonly Vector128<byte>[] _upper = new Vector128<byte>[Looked];

    /// <param name="patterns">Each of three bytes at least. Of two that are found in one place, the one that stands first here counts.</param>
    public BytePatterns(IReadOnlyList<byte[]> patterns)
    {
        _patterns = [.. patterns];
        _shortest = _patterns.Min(p => p.Length);
        // Those that begin alike belong together: fewer groups are asked in vain.
        var order = _patterns.OrderBy(p => p[0]).ThenBy(p => p[1]).ToList();
        for (var i = 0; i < order.Count; i++)
        {
            var group = (byte)(1 << (i * Groups / order.Count));
            for (var at = 0; at < Looked; at++)
            {
                var value = order[i][at];
                _lower[at] = _lower[at].WithElement(value & 15, (byte)(_lower[at].GetElement(value & 15) | group));
                _upper[at] = _upper[at].WithElement(value >> 4, (byte)(_upper[at].GetElement(value >> 4) | group));
            }
        }
    }

    /// <summary>Finds the first occurrence.</summary>
    /// <param name="text">Where to look.</param>
    /// <param name="length">The length of what was found.</param>
    /// <returns>Where it begins, or -1.</returns>
    public int IndexIn(ReadOnlySpan<byte> text, out int length)
    {
        var at = 0;
        if (Avx2.IsSupported)
        {
            for (; at + Vector256<byte>.Count + Looked - 1 <= text.Length; at += Vector256<byte>.Count)
            {
                var groups = Groups256(text, at, 0) & Groups256(text, at, 1) & Groups256(text, at, 2);
                if (groups == Vector256<byte>.Zero) continue;
                if (Verify(text, at, ~Vector256.Equals(groups, Vector256<byte>.Zero).ExtractMostSignificantBits(), out length) is >= 0 and var found) return found;
            }
        }

        for (; at + Vector128<byte>.Count + Looked - 1 <= text.Length; at += Vector128<byte>.Count)
        {
            var groups = Groups128(text, at, 0) & Groups128(text, at, 1) & Groups128(text, at, 2);
            if (groups == Vector128<byte>.Zero) continue;
            if (Verify(text, at, ~Vector128.Equals(groups, Vector128<byte>.Zero).ExtractMostSignificantBits() & 0xffff, out length) is >= 0 and var found) return found;
        }

        for (; at + _shortest <= text.Length; at++)
        {
            if (LengthAt(text[at..]) is > 0 and var whole)
            {
                length = whole;
                return at;
            }
        }

        length = 0;
        return -1;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Vector256<byte> Groups256(ReadOnlySpan<byte> text, int at, int which)
    {
        var bytes = Vector256.LoadUnsafe(ref MemoryMarshal.GetReference(text), (nuint)(at + which));
        var (lower, upper) = (Vector256.Create(_lower[which], _lower[which]), Vector256.Create(_upper[which], _upper[which]));
        return Avx2.Shuffle(lower, bytes & Vector256.Create((byte)15)) & Avx2.Shuffle(upper, Vector256.ShiftRightLogical(bytes.AsUInt16(), 4).AsByte() & Vector256.Create((byte)15));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Vector128<byte> Groups128(ReadOnlySpan<byte> text, int at, int which)
    {
        var bytes = Vector128.LoadUnsafe(ref MemoryMarshal.GetReference(text), (nuint)(at + which));
        return Vector128.Shuffle(_lower[which], bytes & Vector128.Create((byte)15)) & Vector128.Shuffle(_upper[which], Vector128.ShiftRightLogical(bytes.AsUInt16(), 4).AsByte() & Vector128.Create((byte)15));
    }

    private int Verify(ReadOnlySpan<byte> text, int from, uint places, out int length)
    {
        for (; places != 0; places &= places - 1)
        {
            var at = from + System.Numerics.BitOperations.TrailingZeroCount(places);
            length = LengthAt(text[at..]);
            if (length > 0) return at;
        }

        length = 0;
        return -1;
    }

    private int LengthAt(ReadOnlySpan<byte> text)
    {
        foreach (var pattern in _patterns)
        {
            if (text.StartsWith(pattern)) return pattern.Length;
        }

        return 0;
    }
}
