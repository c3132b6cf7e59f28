using System.Runtime.CompilerServices;
using System.Threading.Channels;

namespace Fairlead.Gateway.Audit;

/// <summary>
/// The audit: one JSON object a line, each chained to the one before, with signed checkpoints. Records wait here for the writer, which takes whatever waits at once.
/// Who needs its record on the disk writes for all where nobody writes yet, so that a request alone waits for the disk and for no other thread; where others are about to run, it lets them bring theirs first;
/// else it is one of the next that are written together. When it cannot be written, <see cref="IsWritable"/> turns false and nothing new is forwarded.
/// </summary>
internal sealed class AuditLog : IAudit, IThreadPoolWorkItem, IDisposable
{
    /// <summary>How many records wait for the disk before those who bring more wait, too.</summary>
    public const int MostQueued = 512;

    private const int MostBatchBytes = 1024 * 1024;
    private const long MostCaptureBytes = 64 * 1024 * 1024;

    // A request does not wait longer for its intent: its caller gives up, and a disk that hangs is no disk.
    private static readonly TimeSpan IntentTimeout = TimeSpan.FromSeconds(10);

    private readonly AuditKey _key;
    private readonly AuditWriter _writer;
    private readonly TimeProvider _time;
    private readonly AuditGuarantee _guarantee;
    // Records that nobody waits for go with the next one that somebody does, or after this.
    private static readonly TimeSpan Linger = TimeSpan.FromMilliseconds(20);

    private readonly Channel<AuditEntry> _queue = Channel.CreateBounded<AuditEntry>(MostQueued);
    private readonly Lock _turn = new();
    private readonly SemaphoreSlim _work = new(0, 1);
    private readonly Timer _lingered;
    private readonly Task _writing;
    private int _isLingering;
    private int _isDeferred;
    private volatile bool _isClosing;
    private long _captureBytes;

    private AuditLog(AuditKey key, AuditWriter writer, AuditStart start, AuditOptions options, IReadOnlyList<SinkProgress> sinks, TimeProvider time)
    {
        (_key, _writer, _time, _guarantee, ChainId, Sinks) = (key, writer, time, options.Guarantee, start.ChainId, sinks);
        _lingered = new Timer(_ => Wake());
        _writing = Task.Run(WriteAllAsync);
    }

    /// <summary>Which chain this is: 32 digits that all of its files share.</summary>
    public string ChainId { get; }

    /// <inheritdoc/>
    public bool IsWritable => _writer.IsWritable && !Sinks.Any(s => s.IsOverdue);

    /// <summary>The other places that get the records, and how far they have got.</summary>
    public IReadOnlyList<SinkProgress> Sinks { get; }

    /// <summary>How many records wait for the writer.</summary>
    public int Queued => _queue.Reader.Count;

    /// <summary>How many records could not be written since the start.</summary>
    public long Lost => _writer.Lost;

    /// <summary>Opens an audit and continues its chain; makes file (0600), key and directory when they are not there. A torn end is marked.</summary>
    /// <exception cref="IOException">The file cannot be opened for writing, or another gateway writes to it.</exception>
    /// <exception cref="InvalidDataException">It is no audit of this version, or the key cannot be used.</exception>
    public static AuditLog Open(AuditOptions options, TimeProvider time, ILogger logger, IReadOnlyList<SinkProgress>? sinks = null)
    {
        // Whose file it is comes first: a second gateway makes no key.
        DurableFile.Open(options.File).Dispose();
        var key = AuditKey.OpenOrCreate(options);
        try
        {
            var start = AuditStart.Of(options, key, time.GetUtcNow(), logger);
            return new AuditLog(key, new AuditWriter(options, key, start, sinks ?? [], time, logger), start, options, sinks ?? [], time);
        }
        catch
        {
            key.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public ValueTask WriteAsync(TunnelRecord record) => EnqueueAsync(new AuditEntry(AuditText.Of(record), null));

    /// <inheritdoc/>
    public ValueTask WriteAsync(RequestRecord record)
    {
        if (record.Capture is { } capture && Interlocked.Add(ref _captureBytes, capture.Length) > MostCaptureBytes)
        {
            Interlocked.Add(ref _captureBytes, -capture.Length);
            record.Capture = null;
        }

        return EnqueueAsync(new AuditEntry(AuditText.Of(record), null, record.Capture));
    }

    /// <inheritdoc/>
    public ValueTask<bool> IntendAsync(RequestRecord record, CancellationToken cancellationToken) =>
        Needs(record.Credentials.Count > 0) ? AppendAsync(AuditText.IntentOf(record), cancellationToken) : ValueTask.FromResult(IsWritable);

    /// <inheritdoc/>
    public ValueTask<bool> IntendAsync(TunnelRecord record, PassthroughRecord passthrough, CancellationToken cancellationToken) =>
        Needs(hasCredential: false) ? AppendAsync(AuditText.IntentOf(record, passthrough), cancellationToken) : ValueTask.FromResult(IsWritable);

    /// <summary>Writes what waits, and the closing checkpoint.</summary>
    public void Dispose()
    {
        _queue.Writer.TryComplete();
        _isClosing = true;
        Wake();
        _writing.GetAwaiter().GetResult();
        _lingered.Dispose();
        _work.Dispose();
        _writer.Dispose();
        _key.Dispose();
    }

    private bool Needs(bool hasCredential) => _guarantee == AuditGuarantee.BeforeUpstreamAlways || (hasCredential && _guarantee == AuditGuarantee.BeforeUpstream);

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<bool> AppendAsync(byte[] record, CancellationToken cancellationToken)
    {
        if (!IsWritable) return false;
        var isDurable = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        var entry = new AuditEntry(record, isDurable);
        var isQueued = _queue.Writer.TryWrite(entry);
        if (isQueued) WriteBehindOthers();
        if (isDurable.Task.IsCompleted) return await isDurable.Task;

        try
        {
            return await (isQueued ? isDurable.Task : QueueAsync(entry, isDurable.Task, cancellationToken)).WaitAsync(IntentTimeout, cancellationToken);
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    private async Task<bool> QueueAsync(AuditEntry entry, Task<bool> isDurable, CancellationToken cancellationToken)
    {
        Wake();
        await _queue.Writer.WriteAsync(entry, cancellationToken);
        WriteBehindOthers();
        return await isDurable;
    }

    private async ValueTask EnqueueAsync(AuditEntry entry)
    {
        if (!_queue.Writer.TryWrite(entry))
        {
            Wake();
            await _queue.Writer.WriteAsync(entry);
        }

        WakeSoon();
    }

    // Others that are about to run may bring records, too: one sync is then enough for all of them.
    private void WriteBehindOthers()
    {
        if (ThreadPool.PendingWorkItemCount == 0) WriteUnlessSomebodyDoes();
        else if (Interlocked.Exchange(ref _isDeferred, 1) == 0) ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    void IThreadPoolWorkItem.Execute()
    {
        Interlocked.Exchange(ref _isDeferred, 0);
        WriteUnlessSomebodyDoes();
    }

    private void WriteUnlessSomebodyDoes()
    {
        if (!_turn.TryEnter()) return; // who writes looks again behind its turn
        try
        {
            if (_isClosing) return; // the last turn is WriteAllAsync's, and takes all there is
            _writer.Write(Take());
        }
        finally
        {
            _turn.Exit();
        }

        // What came meanwhile is not this request's to wait for.
        if (_queue.Reader.Count > 0) Wake();
        else WakeSoon();
    }

    private void WakeSoon()
    {
        if (Interlocked.Exchange(ref _isLingering, 1) == 0) _lingered.Change(Linger, Timeout.InfiniteTimeSpan);
    }

    private void Wake()
    {
        try
        {
            _work.Release();
        }
        catch (Exception e) when (e is SemaphoreFullException or ObjectDisposedException)
        {
            // It is told already, or over.
        }
    }

    private async Task WriteAllAsync()
    {
        Task? work = null;
        var isDue = true;
        while (true)
        {
            TimeSpan rest;
            lock (_turn)
            {
                var isOver = _isClosing; // before what waits is taken, so that nothing is left behind
                for (var batch = Take(); batch.Count > 0 || isDue; batch = Take())
                {
                    _writer.Write(batch);
                    isDue = false;
                }

                rest = _writer.UntilNextWrite();
                if (isOver)
                {
                    _writer.Close();
                    return;
                }
            }

            // Who came within this turn has seen it taken and relies on it.
            if (_queue.Reader.Count > 0) continue;
            try
            {
                await (work ??= _work.WaitAsync()).WaitAsync(rest, _time);
                work = null;
            }
            catch (TimeoutException)
            {
                isDue = true; // without a record
            }
        }
    }

    private List<AuditEntry> Take()
    {
        Volatile.Write(ref _isLingering, 0);
        var batch = new List<AuditEntry>();
        for (var bytes = 0; bytes < MostBatchBytes && _queue.Reader.TryRead(out var entry); bytes += entry.Record.Length)
        {
            batch.Add(entry);
            Interlocked.Add(ref _captureBytes, -(entry.Capture?.Length ?? 0));
        }

        return batch;
    }
}
