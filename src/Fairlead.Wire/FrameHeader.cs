using System.Buffers.Binary;

namespace Fairlead.Wire;

/// <summary>What a WebSocket frame is about (RFC 6455 §5.2).</summary>
internal enum FrameKind : byte
{
    Continuation = 0,
    Text = 1,
    Binary = 2,
    Close = 8,
    Ping = 9,
    Pong = 10,
}

/// <summary>
/// The head of one WebSocket frame (RFC 6455 §5.2):
/// <code>
/// | FIN RSV1-3 opcode | MASK length-7 | 16- or 64-bit length, when length-7 is 126 or 127 | mask key, when MASK |
/// </code>
/// </summary>
internal readonly record struct FrameHeader(FrameKind Kind, bool IsFinal, bool IsMasked, uint MaskKey, int HeaderBytes, int PayloadBytes)
{
    public const int MaxBytes = 14;
    public const int MaxControlPayloadBytes = 125;

    public bool IsControl => Kind >= FrameKind.Close;

    /// <summary>Reads a frame's head from the bytes that came so far.</summary>
    /// <returns>False while the head is not complete.</returns>
    /// <exception cref="ProtocolException">The head breaks a rule of RFC 6455, or the payload is over the limit.</exception>
    public static bool TryRead(ReadOnlySpan<byte> input, int maxPayloadBytes, out FrameHeader header)
    {
        header = default;
        if (input.Length < 2) return false;
        // §5.2: reserved bits are zero unless an extension was negotiated; we negotiate none.
        if ((input[0] & 0x70) != 0) throw new ProtocolException("expected reserved bits of 0 in a WebSocket frame: no extension was negotiated");
        var kind = (FrameKind)(input[0] & 0x0f);
        if (kind is not (FrameKind.Continuation or FrameKind.Text or FrameKind.Binary or FrameKind.Close or FrameKind.Ping or FrameKind.Pong))
            throw new ProtocolException($"expected a known WebSocket opcode, got {(int)kind}");
        var isFinal = (input[0] & 0x80) != 0;
        var isMasked = (input[1] & 0x80) != 0;
        var short7 = input[1] & 0x7f;
        // §5.5: control frames are not fragmented and carry 125 bytes at most.
        if (kind >= FrameKind.Close && (!isFinal || short7 > MaxControlPayloadBytes))
            throw new ProtocolException("expected a WebSocket control frame in one piece of at most 125 bytes");

        var lengthBytes = short7 switch { 126 => 2, 127 => 8, _ => 0 };
        var headerBytes = 2 + lengthBytes + (isMasked ? 4 : 0);
        if (input.Length < headerBytes) return false;
        var length = short7 switch
        {
            126 => BinaryPrimitives.ReadUInt16BigEndian(input[2..]),
            127 => BinaryPrimitives.ReadUInt64BigEndian(input[2..]),
            _ => (ulong)short7,
        };
        if (length > (ulong)maxPayloadBytes) throw new ProtocolException($"expected a WebSocket message of at most {maxPayloadBytes} bytes, got {length}");
        var maskKey = isMasked ? BitConverter.ToUInt32(input.Slice(2 + lengthBytes, 4)) : 0;
        header = new FrameHeader(kind, isFinal, isMasked, maskKey, headerBytes, (int)length);
        return true;
    }

    /// <summary>Writes the head of an unfragmented frame; the mask key is in memory order.</summary>
    /// <returns>The number of bytes written, <see cref="MaxBytes"/> at most.</returns>
    public static int Write(Span<byte> output, FrameKind kind, int payloadBytes, bool isMasked, uint maskKey)
    {
        output[0] = (byte)(0x80 | (byte)kind);
        var maskBit = isMasked ? 0x80 : 0;
        int length;
        if (payloadBytes <= 125)
        {
            output[1] = (byte)(maskBit | payloadBytes);
            length = 2;
        }
        else if (payloadBytes <= ushort.MaxValue)
        {
            output[1] = (byte)(maskBit | 126);
            BinaryPrimitives.WriteUInt16BigEndian(output[2..], (ushort)payloadBytes);
            length = 4;
        }
        else
        {
            output[1] = (byte)(maskBit | 127);
            BinaryPrimitives.WriteUInt64BigEndian(output[2..], (ulong)payloadBytes);
            length = 10;
        }

        if (!isMasked) return length;
        BitConverter.TryWriteBytes(output[length..], maskKey);
        return length + 4;
    }
}
