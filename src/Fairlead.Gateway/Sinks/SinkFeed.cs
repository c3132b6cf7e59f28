using Fairlead.Gateway.Audit;

namespace Fairlead.Gateway.Sinks;

/// <summary>Brings records from the file to one sink, in order, for as long as that takes. The file is the spool: nothing is held in memory, and nothing waits for a sink but what the operator wants to wait.</summary>
internal sealed class SinkFeed : IAsyncDisposable
{
    private const int MostRecords = 1000;
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(1);
    // Records that come one behind the other go together.
    private static readonly TimeSpan Linger = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan ReadInterval = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LastChance = TimeSpan.FromSeconds(5);

    private readonly IAuditSink _sink;
    private readonly SinkProgress _progress;
    private readonly string _file;
    private readonly string _chain;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stopping = new();
    private readonly CancellationTokenSource _ended = new();
    private readonly Task _running;

    /// <param name="sink">Where to.</param>
    /// <param name="progress">How far it has got.</param>
    /// <param name="file">The audit's file.</param>
    /// <param name="chain">Which chain it is.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">The operator's log.</param>
    public SinkFeed(IAuditSink sink, SinkProgress progress, string file, string chain, TimeProvider time, ILogger logger)
    {
        (_sink, _progress, _file, _chain, _time, _logger) = (sink, progress, file, chain, time, logger);
        _running = Task.Run(RunAsync);
    }

    /// <summary>Delivers what is on the disk, as far as that takes five seconds at most.</summary>
    public async ValueTask DisposeAsync()
    {
        _ended.CancelAfter(LastChance);
        await _stopping.CancelAsync();
        _progress.Wake();
        await _running.WaitAsync(LastChance + LastChance).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _sink.DisposeAsync();
        _ended.Dispose();
        _stopping.Dispose();
    }

    private async Task RunAsync()
    {
        var pause = FirstPause;
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                var last = await _sink.FindLastAsync(_chain, _ended.Token);
                Has(last);
                await DeliverAllAsync(last, () => pause = FirstPause);
                return;
            }
            catch (Exception e)
            {
                // Whatever it is: the sink has nothing of this batch, and gets it again.
                if (_ended.IsCancellationRequested) return;
                var problem = e is OperationCanceledException or TimeoutException ? "no answer in time" : Wire.HostPort.Printable((e.InnerException ?? e).Message);
                if (_progress.Problem is null) _logger.SinkFails(_progress.Name, problem);
                _progress.Fails(problem);
                await Task.Delay(pause, _time, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
            }
        }
    }

    private async Task DeliverAllAsync(long last, Action succeeded)
    {
        using var tail = new AuditTail(_file, last);
        while (true)
        {
            var isLast = _stopping.IsCancellationRequested;
            var records = tail.Read(_progress.OnDisk, MostRecords);
            if (records.Count > 0)
            {
                await _sink.DeliverAsync(_chain, records, _ended.Token);
                succeeded();
                Has(records[^1].Line.Seq);
            }
            else if (isLast)
            {
                return;
            }
            else
            {
                _ = await _progress.WaitAsync(ReadInterval);
                await Task.Delay(Linger, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private void Has(long seq)
    {
        var failed = _progress.Problem is not null;
        _progress.Has(seq);
        if (failed && _progress.Problem is null) _logger.SinkTakes(_progress.Name, seq);
    }
}
