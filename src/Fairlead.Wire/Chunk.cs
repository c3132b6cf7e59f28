using System.Diagnostics;
using System.Text;

namespace Fairlead.Wire;

/// <summary>
/// One message of the tunnel, coded by hand since it is a few fields on the hottest path:
/// <code>message UpstreamProxyChunk { bytes data = 1; bool is_connect = 2; string host = 3; int32 port = 4; bool end_of_data = 100; bytes notice = 101; bool next = 102; }</code>
/// A field that we do not know is skipped, as protobuf demands; a message that is not protobuf is fatal.
/// </summary>
public readonly struct Chunk
{
    // | 0x0a | varint length | data |
    private const byte DataTag = (1 << 3) | 2;
    private const uint IsConnectTag = 2 << 3;
    private const uint HostTag = (3 << 3) | 2;
    private const uint PortTag = 4 << 3;
    private const uint EndOfDataTag = 100 << 3;
    private const uint NoticeTag = (101 << 3) | 2;
    private const uint NextTag = 102 << 3;
    private const int MaxGroupDepth = 64;

    /// <summary>The empty chunk that keeps idle connections open: <c>0a 00</c>.</summary>
    public static ReadOnlySpan<byte> KeepAlive => [DataTag, 0];

    /// <summary>The chunk after which its sender sends no more data: <c>a0 06 01</c>. Sent only to a peer that knows it.</summary>
    public static ReadOnlySpan<byte> EndOfDataMessage => [0xa0, 0x06, 0x01];

    /// <summary>The chunk by which its sender is done with a tunnel, and behind which the next one begins: <c>b0 06 01</c>. Sent only to a peer that knows it.</summary>
    public static ReadOnlySpan<byte> NextMessage => [0xb0, 0x06, 0x01];

    /// <summary>Most bytes that <see cref="WriteHeader"/> writes.</summary>
    public const int MaxHeaderBytes = 6;

    /// <summary>Bytes of the tunnel. Valid until the next chunk is read.</summary>
    public ReadOnlyMemory<byte> Data { get; private init; }

    /// <summary>True in the structured form of CONNECT, which names its destination in <see cref="Host"/> and <see cref="Port"/>.</summary>
    public bool IsConnect { get; private init; }

    /// <summary>The host of the structured form, not checked.</summary>
    public string Host { get; private init; }

    /// <summary>The port of the structured form, not checked.</summary>
    public int Port { get; private init; }

    /// <summary>True when the sender sends no more data; the other direction goes on.</summary>
    public bool EndOfData { get; private init; }

    /// <summary>True when the sender neither sends nor reads any more of the tunnel, and its next chunk belongs to another one.</summary>
    public bool Next { get; private init; }

    /// <summary>A <see cref="Fairlead.Wire.Notice"/>, not checked; empty when there is none, or one larger than <see cref="Protocol.MaxNoticeBytes"/>. Valid until the next chunk is read.</summary>
    public ReadOnlyMemory<byte> Notice { get; private init; }

    /// <summary>A chunk with nothing but a notice: <c>aa 06 | varint length | notice</c>. Sent only to a peer that knows it.</summary>
    /// <param name="notice">At most <see cref="Protocol.MaxNoticeBytes"/>.</param>
    public static byte[] NoticeMessage(ReadOnlySpan<byte> notice)
    {
        Debug.Assert(notice.Length <= Protocol.MaxNoticeBytes);
        return [0xaa, 0x06, (byte)(notice.Length | 0x80), (byte)(notice.Length >> 7), .. notice];
    }

    /// <summary>Writes what precedes the data bytes in a chunk of field 1 alone.</summary>
    /// <param name="output">At least <see cref="MaxHeaderBytes"/> long.</param>
    /// <param name="dataBytes">How many data bytes follow.</param>
    /// <returns>The number of bytes written.</returns>
    public static int WriteHeader(Span<byte> output, int dataBytes)
    {
        Debug.Assert(dataBytes is >= 0 and <= Protocol.MaxChunkBytes);
        output[0] = DataTag;
        var length = 1;
        var rest = (uint)dataBytes;
        while (rest >= 0x80)
        {
            output[length++] = (byte)(rest | 0x80);
            rest >>= 7;
        }

        output[length++] = (byte)rest;
        return length;
    }

    /// <summary>Reads one whole message. When a field stands twice the last one counts, as protobuf demands.</summary>
    /// <param name="message">The message; <see cref="Data"/> is a part of it.</param>
    /// <exception cref="ProtocolException">The message is not protobuf, or carries more than 512 KiB of data.</exception>
    public static Chunk Parse(ReadOnlyMemory<byte> message)
    {
        var reader = new Reader(message.Span);
        var data = ReadOnlyMemory<byte>.Empty;
        var notice = ReadOnlyMemory<byte>.Empty;
        var host = "";
        int port = 0;
        bool isConnect = false, endOfData = false, next = false;
        while (reader.HasMore)
        {
            var tag = reader.ReadTag();
            switch (tag)
            {
                case DataTag:
                    var length = reader.ReadLength();
                    if (length > Protocol.MaxChunkBytes)
                        throw new ProtocolException($"expected at most {Protocol.MaxChunkBytes} data bytes in a chunk, got {length}");
                    data = message.Slice(reader.Position, length);
                    reader.Skip(length);
                    break;
                case IsConnectTag: isConnect = reader.ReadVarint() != 0; break;
                case HostTag: host = reader.ReadString(); break;
                case PortTag: port = (int)reader.ReadVarint(); break;
                case EndOfDataTag: endOfData = reader.ReadVarint() != 0; break;
                case NextTag: next = reader.ReadVarint() != 0; break;
                case NoticeTag:
                    var noticeBytes = reader.ReadLength();
                    notice = noticeBytes <= Protocol.MaxNoticeBytes ? message.Slice(reader.Position, noticeBytes) : default;
                    reader.Skip(noticeBytes);
                    break;
                default: reader.SkipField(tag, depth: 0); break;
            }
        }

        return new Chunk { Data = data, IsConnect = isConnect, Host = host, Port = port, EndOfData = endOfData, Next = next, Notice = notice };
    }

    private ref struct Reader(ReadOnlySpan<byte> message)
    {
        private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
        private readonly ReadOnlySpan<byte> _message = message;

        public int Position { get; private set; }

        public readonly bool HasMore => Position < _message.Length;

        public ulong ReadVarint()
        {
            ulong value = 0;
            for (var shift = 0; shift < 70; shift += 7)
            {
                if (!HasMore) throw new ProtocolException("expected a varint, got the end of the chunk");
                var b = _message[Position++];
                value |= (ulong)(b & 0x7f) << shift;
                if (b < 0x80) return value;
            }

            throw new ProtocolException("expected a varint of at most 10 bytes");
        }

        public uint ReadTag()
        {
            var tag = ReadVarint();
            if (tag > uint.MaxValue || tag >> 3 == 0) throw new ProtocolException($"expected a field number from 1 to 536870911, got tag {tag}");
            return (uint)tag;
        }

        public int ReadLength()
        {
            var length = ReadVarint();
            var left = _message.Length - Position;
            if (length > (ulong)left) throw new ProtocolException($"expected a field of {length} bytes, but {left} are left in the chunk");
            return (int)length;
        }

        public string ReadString()
        {
            var length = ReadLength();
            try
            {
                return StrictUtf8.GetString(_message.Slice(Position, length));
            }
            catch (DecoderFallbackException e)
            {
                throw new ProtocolException("expected UTF-8 in a text field", e);
            }
            finally
            {
                Position += length;
            }
        }

        public void Skip(int bytes)
        {
            if (bytes > _message.Length - Position) throw new ProtocolException($"expected {bytes} more bytes, but {_message.Length - Position} are left in the chunk");
            Position += bytes;
        }

        public void SkipField(uint tag, int depth)
        {
            switch (tag & 7)
            {
                case 0: ReadVarint(); break;
                case 1: Skip(8); break;
                case 2: Skip(ReadLength()); break;
                case 3: SkipGroup(tag, depth); break;
                case 5: Skip(4); break;
                default: throw new ProtocolException($"expected a wire type from 0 to 5, got {tag & 7} in field {tag >> 3}");
            }
        }

        private void SkipGroup(uint start, int depth)
        {
            if (depth >= MaxGroupDepth) throw new ProtocolException($"expected groups nested at most {MaxGroupDepth} deep");
            while (true)
            {
                var tag = ReadTag();
                if ((tag & 7) == 4)
                {
                    if (tag >> 3 != start >> 3) throw new ProtocolException($"expected the end of group {start >> 3}, got the end of group {tag >> 3}");
                    return;
                }

                SkipField(tag, depth + 1);
            }
        }
    }
}
