using System.Numerics;
using System.Runtime.InteropServices;

namespace Fairlead.Wire;

/// <summary>The masking of RFC 6455 §5.3: byte i of the payload is XORed with byte i modulo 4 of the key. Applying it twice gives the payload back.</summary>
internal static class FrameMask
{
    /// <summary>Masks from one buffer into another of the same length, or in place when both are the same.</summary>
    /// <param name="input">What is masked.</param>
    /// <param name="output">Where the result goes.</param>
    /// <param name="maskKey">The key in memory order, as read by <see cref="FrameHeader"/>.</param>
    /// <param name="offset">How many payload bytes came before these.</param>
    public static void Apply(ReadOnlySpan<byte> input, Span<byte> output, uint maskKey, int offset = 0)
    {
        var key = RotateToOffset(maskKey, offset);
        var i = 0;
        if (Vector.IsHardwareAccelerated && input.Length >= Vector<byte>.Count)
        {
            var wide = Vector.AsVectorByte(new Vector<uint>(key));
            for (; i <= input.Length - Vector<byte>.Count; i += Vector<byte>.Count)
                (new Vector<byte>(input[i..]) ^ wide).CopyTo(output[i..]);
        }

        Span<byte> bytes = stackalloc byte[4];
        MemoryMarshal.Write(bytes, key);
        for (; i < input.Length; i++) output[i] = (byte)(input[i] ^ bytes[i & 3]);
    }

    private static uint RotateToOffset(uint key, int offset)
    {
        var bits = (offset & 3) * 8;
        return BitConverter.IsLittleEndian ? BitOperations.RotateRight(key, bits) : BitOperations.RotateLeft(key, bits);
    }
}
