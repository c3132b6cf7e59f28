namespace Fairlead.Gateway.Sinks;

/// <summary>Reads the fields of a protobuf message that somebody sent.</summary>
internal static class ProtobufFields
{
    /// <returns>Each with its number, or its bytes.</returns>
    /// <exception cref="InvalidDataException">It is no such message.</exception>
    public static List<(int Field, long Number, byte[]? Bytes)> Read(ReadOnlySpan<byte> message)
    {
        var fields = new List<(int, long, byte[]?)>();
        while (message.Length > 0)
        {
            var tag = Varint(ref message);
            var field = (int)(tag >> 3);
            switch (tag & 7)
            {
                case 0: fields.Add((field, (long)Varint(ref message), null)); break;
                case 1: Take(ref message, 8); break;
                case 2: fields.Add((field, 0, Take(ref message, Varint(ref message)).ToArray())); break;
                case 5: Take(ref message, 4); break;
                default: throw new InvalidDataException($"expected a protobuf message, got a field of kind {tag & 7}");
            }
        }

        return fields;
    }

    private static ReadOnlySpan<byte> Take(ref ReadOnlySpan<byte> message, ulong count)
    {
        if (count > (ulong)message.Length) throw new InvalidDataException("expected a protobuf message, got a part of one");
        var taken = message[..(int)count];
        message = message[(int)count..];
        return taken;
    }

    private static ulong Varint(ref ReadOnlySpan<byte> message)
    {
        var value = 0UL;
        for (var shift = 0; shift < 64; shift += 7)
        {
            var next = Take(ref message, 1)[0];
            value |= (ulong)(next & 0x7f) << shift;
            if (next < 0x80) return value;
        }

        throw new InvalidDataException("expected a protobuf number, got more than ten bytes of one");
    }
}
