using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Fairlead.Gateway.Sinks;

/// <summary>Writes fields of a protobuf message: the four kinds that OTLP logs need.</summary>
internal sealed class ProtobufText
{
    private const int Varint = 0, Fixed64 = 1, Bytes = 2;

    private readonly ArrayBufferWriter<byte> _bytes = new();

    public byte[] ToArray() => _bytes.WrittenSpan.ToArray();

    public ProtobufText Number(int field, long value)
    {
        Tag(field, Varint);
        WriteVarint((ulong)value);
        return this;
    }

    public ProtobufText Fixed(int field, ulong value)
    {
        Tag(field, Fixed64);
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        _bytes.Write(bytes);
        return this;
    }

    public ProtobufText Text(int field, string value) => Raw(field, Encoding.UTF8.GetBytes(value));

    public ProtobufText Message(int field, ProtobufText message) => Raw(field, message.ToArray());

    public ProtobufText Raw(int field, ReadOnlySpan<byte> value)
    {
        Tag(field, Bytes);
        WriteVarint((ulong)value.Length);
        _bytes.Write(value);
        return this;
    }

    private void Tag(int field, int kind) => WriteVarint((ulong)((field << 3) | kind));

    private void WriteVarint(ulong value)
    {
        for (; value >= 0x80; value >>= 7) _bytes.Write([(byte)(value | 0x80)]);
        _bytes.Write([(byte)value]);
    }
}
