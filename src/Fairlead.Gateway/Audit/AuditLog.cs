using System.Threading.Channels;

namespace Fairlead.Gateway.Audit;

/// <summary>
/// The audit: one JSON object a line, each chained to the one before, with signed checkpoints. Records wait here for the one writer, which takes
/// whatever waits at once. When it cannot write, <see cref="IsWritable"/> turns false and nothing new is forwarded.
/// </summary>
internal sealed class AuditLog : IDisposable
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
    private readonly Channel<AuditEntry> _queue = Channel.CreateBounded<AuditEntry>(new BoundedChannelOptions(MostQueued) { SingleReader = true });
    private readonly Task _writing;
    private long _captureBytes;

    private AuditLog(AuditKey key, AuditWriter writer, AuditStart start, AuditOptions options, IReadOnlyList<SinkProgress> sinks, TimeProvider time)
    {
        (_key, _writer, _time, _guarantee, ChainId, Sinks) = (key, writer, time, options.Guarantee, start.ChainId, sinks);
        _writing = Task.Run(WriteAllAsync);
    }

    /// <summary>Which chain this is: 32 digits that all of its files share.</summary>
    public string ChainId { get; }

    /// <summary>False while the last record could not be written, or a sink that is required takes none; true again when that is over.</summary>
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

    /// <summary>Records how a tunnel ended. Returns when the record has its place in the queue.</summary>
    public ValueTask WriteAsync(TunnelRecord record) => _queue.Writer.WriteAsync(new AuditEntry(AuditText.Of(record), null));

    /// <summary>Records how a request ended, and keeps what was captured of it, unless too much of that waits already.</summary>
    public ValueTask WriteAsync(RequestRecord record)
    {
        if (record.Capture is { } capture && Interlocked.Add(ref _captureBytes, capture.Length) > MostCaptureBytes)
        {
            Interlocked.Add(ref _captureBytes, -capture.Length);
            record.Capture = null;
        }

        return _queue.Writer.WriteAsync(new AuditEntry(AuditText.Of(record), null, record.Capture));
    }

    /// <summary>Records that a request is about to be sent, where the guarantee wants it.</summary>
    /// <returns>True when it may be sent: what is to be on the disk is there. False when it must not be.</returns>
    public ValueTask<bool> IntendAsync(RequestRecord record, CancellationToken cancellationToken) =>
        Needs(record.Credentials.Count > 0) ? AppendAsync(AuditText.IntentOf(record), cancellationToken) : ValueTask.FromResult(IsWritable);

    /// <summary>Records that a tunnel is about to be passed through, where the guarantee wants it.</summary>
    /// <returns>As above.</returns>
    public ValueTask<bool> IntendAsync(TunnelRecord record, PassthroughRecord passthrough, CancellationToken cancellationToken) =>
        Needs(hasCredential: false) ? AppendAsync(AuditText.IntentOf(record, passthrough), cancellationToken) : ValueTask.FromResult(IsWritable);

    /// <summary>Writes what waits, and the closing checkpoint.</summary>
    public void Dispose()
    {
        _queue.Writer.TryComplete();
        _writing.GetAwaiter().GetResult();
        _writer.Dispose();
        _key.Dispose();
    }

    private bool Needs(bool hasCredential) => _guarantee == AuditGuarantee.BeforeUpstreamAlways || (hasCredential && _guarantee == AuditGuarantee.BeforeUpstream);

    private async ValueTask<bool> AppendAsync(byte[] record, CancellationToken cancellationToken)
    {
        if (!IsWritable) return false;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(IntentTimeout);
        var isDurable = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        try
        {
            await _queue.Writer.WriteAsync(new AuditEntry(record, isDurable), limit.Token);
            return await isDurable.Task.WaitAsync(limit.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return false;
        }
    }

    private async Task WriteAllAsync()
    {
        _writer.Write([]);
        var ready = _queue.Reader.WaitToReadAsync().AsTask();
        while (true)
        {
            try
            {
                if (!await ready.WaitAsync(_writer.UntilNextWrite(), _time)) break;
            }
            catch (TimeoutException)
            {
                _writer.Write([]);
                continue;
            }

            _writer.Write(Take());
            ready = _queue.Reader.WaitToReadAsync().AsTask();
        }

        _writer.Close();
    }

    private List<AuditEntry> Take()
    {
        var batch = new List<AuditEntry>();
        for (var bytes = 0; bytes < MostBatchBytes && _queue.Reader.TryRead(out var entry); bytes += entry.Record.Length)
        {
            batch.Add(entry);
            Interlocked.Add(ref _captureBytes, -(entry.Capture?.Length ?? 0));
        }

        return batch;
    }
}
