using System.Runtime.InteropServices;
using Fairlead.Relay.Startup;

namespace Fairlead.Relay;

/// <summary>
/// Standard output or error, written to as it is. .NET's Console switches a terminal's keypad mode when it is first written to, and the terminal is
/// the child's; a FileStream would write at an offset of its own, over what the child writes to the same file.
/// </summary>
internal sealed class StandardStream(int descriptor) : Stream
{
    private const int Interrupted = 4;

    /// <summary>A writer for a descriptor that sends each line at once.</summary>
    public static StreamWriter Writer(int descriptor) => new(new StandardStream(descriptor)) { AutoFlush = true };

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        while (!buffer.IsEmpty)
        {
            var written = LibC.Write(descriptor, buffer, (nuint)buffer.Length);
            // Nobody reads what we say any more (a closed pipe, say): no reason to end somebody's session.
            if (written < 0 && Marshal.GetLastPInvokeError() != Interrupted) return;
            if (written > 0) buffer = buffer[(int)written..];
        }
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Flush() { }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
