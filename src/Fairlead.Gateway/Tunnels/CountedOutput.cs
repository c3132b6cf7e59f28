namespace Fairlead.Gateway.Tunnels;

/// <summary>The output of a tunnel, counted.</summary>
/// <param name="stream">Where it goes; it stays the caller's.</param>
/// <param name="counted">Told of each write, before it.</param>
internal sealed class CountedOutput(Stream stream, Action<int> counted) : Stream
{
    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        counted(buffer.Length);
        return stream.WriteAsync(buffer, cancellationToken);
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => stream.FlushAsync(cancellationToken);

    public override void Flush() => throw new NotSupportedException("tunnels are asynchronous");

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("tunnels are asynchronous");
}
