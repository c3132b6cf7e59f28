using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Http.Features;

namespace Fairlead.Gateway.Capture;

/// <summary>The workload's body as it is taken by whoever reads it: what is only looked at is not kept yet. Nothing waits for this.</summary>
internal sealed class CapturingReader(PipeReader inner, BoundedBody body) : PipeReader, IRequestBodyPipeFeature
{
    private ReadOnlySequence<byte> _last;

    public PipeReader Reader => this;

    public override async ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        var read = await inner.ReadAsync(cancellationToken);
        _last = read.Buffer;
        return read;
    }

    public override bool TryRead(out ReadResult result)
    {
        var isRead = inner.TryRead(out result);
        if (isRead) _last = result.Buffer;
        return isRead;
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        foreach (var segment in _last.Slice(_last.Start, consumed)) body.Add(segment.Span);
        _last = default;
        inner.AdvanceTo(consumed, examined);
    }

    public override void CancelPendingRead() => inner.CancelPendingRead();

    public override void Complete(Exception? exception = null) => inner.Complete(exception);
}
