using System.IO.Pipelines;

namespace Fairlead.Tests.Wire;

/// <summary>
/// A transport in memory whose every step the test sees: what is written to it is kept, what is read from it was given before,
/// in pieces as large as the test likes, and it takes no more than the test lets it.
/// </summary>
internal sealed class ScriptedTransport : Stream
{
    private readonly Pipe _input = new(new PipeOptions(pauseWriterThreshold: 0, readerScheduler: PipeScheduler.Inline, useSynchronizationContext: false));
    private readonly Pipe _output;
    private readonly Stream _reader;
    private readonly Stream _writer;

    /// <param name="outputLimit">How many bytes are taken before a write waits for <see cref="Sent"/> to be read; 0 for any number.</param>
    public ScriptedTransport(int outputLimit = 0)
    {
        _output = new Pipe(new PipeOptions(pauseWriterThreshold: outputLimit, resumeWriterThreshold: outputLimit / 2, useSynchronizationContext: false));
        _reader = _input.Reader.AsStream();
        _writer = _output.Writer.AsStream();
        Sent = _output.Reader.AsStream();
    }

    /// <summary>What the stream under test wrote.</summary>
    public Stream Sent { get; }

    /// <summary>The most bytes that one read gives.</summary>
    public int PieceBytes { get; set; } = int.MaxValue;

    /// <summary>The lengths of the buffers that were offered to reads, in order.</summary>
    public List<int> ReadBufferBytes { get; } = [];

    /// <summary>The buffers that writes came from, as they are by now.</summary>
    public List<ReadOnlyMemory<byte>> WrittenFrom { get; } = [];

    /// <summary>Bytes that were read from here.</summary>
    public int BytesTaken { get; private set; }

    /// <summary>What every further read throws, once the given bytes are read.</summary>
    public Exception? ReadFailure { get; set; }

    /// <summary>What every further write throws.</summary>
    public Exception? WriteFailure { get; set; }

    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public ScriptedTransport Give(params ReadOnlySpan<byte[]> frames)
    {
        foreach (var frame in frames) _input.Writer.AsStream().Write(frame);
        return this;
    }

    public ScriptedTransport End()
    {
        _input.Writer.Complete();
        return this;
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        ReadBufferBytes.Add(buffer.Length);
        if (ReadFailure is not null) throw ReadFailure;
        var bytes = await _reader.ReadAsync(buffer[..Math.Min(buffer.Length, PieceBytes)], cancellationToken);
        BytesTaken += bytes;
        return bytes;
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        WrittenFrom.Add(buffer);
        return WriteFailure is null ? _writer.WriteAsync(buffer, cancellationToken) : ValueTask.FromException(WriteFailure);
    }

    public override void Flush() { }

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _output.Writer.Complete();
            _input.Reader.Complete();
        }

        base.Dispose(disposing);
    }
}
