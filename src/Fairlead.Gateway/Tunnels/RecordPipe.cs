using System.IO.Pipelines;

namespace Fairlead.Gateway.Tunnels;

/// <summary>
/// What <see cref="Wire.RecordStream"/> is for a stream, for the pipe beneath Kestrel's TLS: full records wait in the pipe until Kestrel flushes, which it does behind all that it
/// has written. Without it each piece of 32 KiB is a frame or a system call of its own, and a task that has to be waited for.
/// </summary>
internal sealed class RecordPipe(IDuplexPipe inner) : PipeWriter, IDuplexPipe
{
    private const int FullRecordBytes = 16 * 1024;
    private const int MaxHeldBytes = 128 * 1024;

    private int _held;

    public PipeReader Input => inner.Input;

    public PipeWriter Output => this;

    public override bool CanGetUnflushedBytes => inner.Output.CanGetUnflushedBytes;

    public override long UnflushedBytes => inner.Output.UnflushedBytes;

    public override ValueTask<FlushResult> WriteAsync(ReadOnlyMemory<byte> source, CancellationToken cancellationToken = default)
    {
        // Alone and short: nothing is gained by a copy.
        if (_held == 0 && source.Length < FullRecordBytes) return inner.Output.WriteAsync(source, cancellationToken);
        System.Buffers.BuffersExtensions.Write(inner.Output, source.Span);
        _held += source.Length;
        return source.Length >= FullRecordBytes && _held < MaxHeldBytes ? default : FlushAsync(cancellationToken);
    }

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        _held = 0;
        return inner.Output.FlushAsync(cancellationToken);
    }

    public override void Advance(int bytes) => inner.Output.Advance(bytes);

    public override Memory<byte> GetMemory(int sizeHint = 0) => inner.Output.GetMemory(sizeHint);

    public override Span<byte> GetSpan(int sizeHint = 0) => inner.Output.GetSpan(sizeHint);

    public override void CancelPendingFlush() => inner.Output.CancelPendingFlush();

    public override void Complete(Exception? exception = null) => inner.Output.Complete(exception);

    public override ValueTask CompleteAsync(Exception? exception = null) => inner.Output.CompleteAsync(exception);
}
