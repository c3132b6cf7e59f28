using System.Buffers;

namespace Fairlead.Gateway.Capture;

/// <summary>The beginning of a body that passes by.</summary>
/// <param name="most">How many bytes of it are kept.</param>
internal sealed class BoundedBody(int most)
{
    private readonly ArrayBufferWriter<byte> _kept = new();

    /// <summary>How many bytes passed.</summary>
    public long Length { get; private set; }

    public bool IsTruncated => Length > _kept.WrittenCount;

    public ReadOnlySpan<byte> Kept => _kept.WrittenSpan;

    public void Add(ReadOnlySpan<byte> bytes)
    {
        Length += bytes.Length;
        var room = most - _kept.WrittenCount;
        if (room > 0) _kept.Write(bytes[..Math.Min(room, bytes.Length)]);
    }
}
