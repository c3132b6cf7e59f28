using System.IO.Pipelines;

namespace Fairlead.Gateway;

/// <summary>One end of a connection that is in memory alone. Asynchronous, as all connections of the gateway are.</summary>
internal sealed class InMemoryConnection : Stream
{
    private readonly Stream _input;
    private readonly Stream _output;

    private InMemoryConnection(PipeReader input, PipeWriter output) => (_input, _output) = (input.AsStream(), output.AsStream());

    /// <summary>Both ends of one: what is written to either is read from the other, and its disposal is the other's end.</summary>
    public static (InMemoryConnection Near, InMemoryConnection Far) Pair()
    {
        var (up, down) = (new Pipe(), new Pipe());
        return (new InMemoryConnection(down.Reader, up.Writer), new InMemoryConnection(up.Reader, down.Writer));
    }

    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => _input.ReadAsync(buffer, cancellationToken);

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => _output.WriteAsync(buffer, cancellationToken);

    public override Task FlushAsync(CancellationToken cancellationToken) => _output.FlushAsync(cancellationToken);

    public override void Flush() => throw new NotSupportedException();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _input.Dispose();
            _output.Dispose();
        }

        base.Dispose(disposing);
    }
}
