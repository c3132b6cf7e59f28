namespace Fairlead.Gateway.Tunnels;

/// <summary>
/// What the inner server writes to, as it is used to from sockets: once the tunnel is broken or closed, what is written is dropped without an error, and the input says what happened. Kestrel takes no notice of
/// an error here: it would answer each of ten thousand pings that wait, and each answer would be an exception through all layers, seconds of CPU for a workload that has left.
/// </summary>
/// <param name="stream">Where it goes; it stays the caller's.</param>
/// <param name="counted">Told of each write, before it.</param>
/// <param name="broke">Told, once, why nothing can be written any more.</param>
internal sealed class TunnelOutput(Stream stream, Action<int> counted, Action<IOException> broke) : Stream
{
    private volatile bool _isBroken;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_isBroken) return ValueTask.CompletedTask;
        counted(buffer.Length);
        var writing = stream.WriteAsync(buffer, cancellationToken);
        return writing.IsCompletedSuccessfully ? writing : FinishAsync(writing);
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override void Flush() => throw new NotSupportedException("tunnels are asynchronous");

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("tunnels are asynchronous");

    private async ValueTask FinishAsync(ValueTask writing)
    {
        try
        {
            await writing;
        }
        catch (IOException e)
        {
            _isBroken = true;
            broke(e);
        }
    }
}
