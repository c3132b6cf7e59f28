namespace Fairlead.EndToEnd.Harness;

/// <summary>
/// A tool that does not wait for 200: its first write, the ClientHello, goes out behind the CONNECT head in one segment.
/// The answer's head is taken off the first read.
/// </summary>
internal sealed class EagerTunnelStream(Stream inner, byte[] head) : Stream
{
    private bool _hasWritten;
    private bool _hasRead;

    public string? Answer { get; private set; }

    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        await inner.WriteAsync(_hasWritten ? buffer : (byte[])[.. head, .. buffer.Span], cancellationToken);
        _hasWritten = true;
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        // SslStream may ask for no bytes, to wait for some.
        if (!_hasRead && buffer.Length > 0)
        {
            _hasRead = true;
            Answer = await TunnelSocket.ReadHeadAsync(inner, cancellationToken);
        }

        return await inner.ReadAsync(buffer, cancellationToken);
    }

    public override void Flush() => inner.Flush();

    public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing) inner.Dispose();
        base.Dispose(disposing);
    }
}
