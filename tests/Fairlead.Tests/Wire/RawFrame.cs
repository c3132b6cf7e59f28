using System.Buffers.Binary;

namespace Fairlead.Tests.Wire;

/// <summary>WebSocket frames written by hand, also those that no honest peer writes.</summary>
internal static class RawFrame
{
    public const int Continuation = 0, Text = 1, Binary = 2, Close = 8, Ping = 9, Pong = 10;

    /// <param name="opcode">The kind of frame, known or not.</param>
    /// <param name="payload">The payload, not yet masked.</param>
    /// <param name="key">The mask key, or null for a frame without a mask.</param>
    /// <param name="isFinal">False for a fragment that others follow.</param>
    /// <param name="reserved">The three reserved bits.</param>
    /// <param name="lengthBytes">0, 2 or 8: the form of the length; -1 for the shortest.</param>
    public static byte[] Of(int opcode, ReadOnlySpan<byte> payload, byte[]? key = null, bool isFinal = true, int reserved = 0, int lengthBytes = -1)
    {
        if (lengthBytes < 0) lengthBytes = payload.Length switch { <= 125 => 0, <= 65535 => 2, _ => 8 };
        var length = new byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(length, (ulong)payload.Length);
        var length7 = lengthBytes switch { 0 => payload.Length, 2 => 126, _ => 127 };
        var masked = payload.ToArray();
        for (var i = 0; key is not null && i < masked.Length; i++) masked[i] ^= key[i % 4];
        return [(byte)((isFinal ? 0x80 : 0) | (reserved << 4) | opcode), (byte)((key is null ? 0 : 0x80) | length7), .. length[(8 - lengthBytes)..], .. key ?? [], .. masked];
    }

    public static byte[] CloseOf(int code, string reason = "", byte[]? key = null) =>
        Of(Close, [(byte)(code >> 8), (byte)code, .. System.Text.Encoding.UTF8.GetBytes(reason)], key);

    /// <summary>Reads one frame from a peer that writes only short or 16-bit lengths.</summary>
    public static async Task<(int Opcode, byte[] Payload, bool IsMasked)> ReadAsync(Stream stream)
    {
        var head = new byte[2];
        await stream.ReadExactlyAsync(head, Limits.Token);
        var length = head[1] & 0x7f;
        if (length > 125)
        {
            var extended = new byte[length == 126 ? 2 : 8];
            await stream.ReadExactlyAsync(extended, Limits.Token);
            length = extended.Aggregate(0, (sum, next) => (sum << 8) | next);
        }

        var isMasked = (head[1] & 0x80) != 0;
        var key = new byte[isMasked ? 4 : 0];
        await stream.ReadExactlyAsync(key, Limits.Token);
        var payload = new byte[length];
        await stream.ReadExactlyAsync(payload, Limits.Token);
        for (var i = 0; isMasked && i < length; i++) payload[i] ^= key[i % 4];
        return (head[0] & 0x0f, payload, isMasked);
    }
}
