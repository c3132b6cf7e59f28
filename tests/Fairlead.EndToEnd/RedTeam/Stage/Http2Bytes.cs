using System.Buffers.Binary;
using System.Text;

namespace Fairlead.EndToEnd.RedTeam.Stage;

/// <summary>HTTP/2 by hand (RFC 9113), for what no library would send. Headers are literals without index and without Huffman (RFC 7541 §6.2.2).</summary>
internal static class Http2Bytes
{
    public const byte Data = 0, HeadersFrame = 1, RstStream = 3, Settings = 4, Ping = 6, GoAway = 7, WindowUpdate = 8, Continuation = 9;
    public const byte EndStream = 1, EndHeaders = 4;

    /// <summary>The preface and settings that ask for an encoder without a table.</summary>
    public static byte[] Preface { get; } = [.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8, .. Frame(Settings, 0, 0, [0, 1, 0, 0, 0, 0])];

    public static byte[] Frame(byte type, byte flags, int stream, ReadOnlySpan<byte> payload)
    {
        var frame = new byte[9 + payload.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame, payload.Length << 8);
        (frame[3], frame[4]) = (type, flags);
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), stream);
        payload.CopyTo(frame.AsSpan(9));
        return frame;
    }

    /// <param name="fields">Lines of <c>name value</c>, with '|' between them.</param>
    public static byte[] Block(string fields)
    {
        var block = new List<byte>();
        foreach (var field in fields.Split('|'))
        {
            var space = field.IndexOf(' ', StringComparison.Ordinal);
            block.Add(0);
            Add(block, space < 0 ? field : field[..space]);
            Add(block, space < 0 ? "" : field[(space + 1)..]);
        }

        return [.. block];
    }

    public static byte[] Get(int stream, string authority, string path) =>
        Frame(HeadersFrame, EndStream | EndHeaders, stream, Block($":method GET|:scheme https|:authority {authority}|:path {path}"));

    private static void Add(List<byte> block, string text)
    {
        // §5.1: a length of 7 bits, with a continuation where it does not fit.
        var rest = text.Length - 127;
        block.Add((byte)Math.Min(text.Length, 127));
        for (; rest >= 128; rest >>= 7) block.Add((byte)(rest | 0x80));
        if (text.Length >= 127) block.Add((byte)rest);
        block.AddRange(Encoding.Latin1.GetBytes(text));
    }
}
