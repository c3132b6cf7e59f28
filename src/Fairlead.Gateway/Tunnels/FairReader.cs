using System.IO.Pipelines;
using Fairlead.Wire;

namespace Fairlead.Gateway.Tunnels;

/// <summary>A reader that lets others run now and then, however much there is to read.</summary>
/// <param name="inner">What is read.</param>
internal sealed class FairReader(PipeReader inner) : PipeReader
{
    private readonly FairTurn _turn = new();

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        var reading = inner.ReadAsync(cancellationToken);
        return _turn.IsOver(reading.IsCompleted) ? AfterOthersAsync(reading) : reading;
    }

    public override bool TryRead(out ReadResult result) => inner.TryRead(out result);

    public override void AdvanceTo(SequencePosition consumed) => inner.AdvanceTo(consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined) => inner.AdvanceTo(consumed, examined);

    public override void CancelPendingRead() => inner.CancelPendingRead();

    public override void Complete(Exception? exception = null) => inner.Complete(exception);

    public override ValueTask CompleteAsync(Exception? exception = null) => inner.CompleteAsync(exception);

    private static async ValueTask<ReadResult> AfterOthersAsync(ValueTask<ReadResult> reading)
    {
        await FairTurn.Others;
        return await reading;
    }
}
