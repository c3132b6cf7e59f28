using System.Buffers;
using System.Diagnostics;
using System.Threading.Channels;

namespace Fairlead.Gateway.Audit;

/// <summary>
/// The audit file: one JSON object a line, each chained to the one before, with signed checkpoints. One writer takes whatever waits, writes it at
/// once and, where somebody waits for the disk, syncs once for all of it. When that fails, <see cref="IsWritable"/> turns false and nothing new is forwarded.
/// </summary>
internal sealed class AuditLog : IDisposable
{
    /// <summary>How many records wait for the disk before those who bring more wait, too.</summary>
    public const int MostQueued = 512;

    /// <summary>How many lines there are at most between two checkpoints.</summary>
    public const int LinesPerCheckpoint = 10_000;

    private const int MostBatchBytes = 1024 * 1024;

    private static readonly TimeSpan CheckpointInterval = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(1);
    // A request does not wait longer for its intent: its caller gives up, and a disk that hangs is no disk.
    private static readonly TimeSpan IntentTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan SlowBatch = TimeSpan.FromSeconds(1);

    private readonly AuditOptions _options;
    private readonly DurableFile _file;
    private readonly AuditKey _key;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Channel<Entry> _queue = Channel.CreateBounded<Entry>(new BoundedChannelOptions(MostQueued) { SingleReader = true });
    private readonly ArrayBufferWriter<byte> _lines = new(64 * 1024);
    private readonly Task _writing;

    private AuditChain _chain;
    // What must stand before the next record, whenever the file can be written.
    private byte[] _preface = [];
    private byte[][] _first;
    private int _unsigned;
    private long _lostUntold;
    private long _lost;
    private DateTimeOffset _nextCheckpoint;
    private bool _isWritable = true;

    private AuditLog(AuditOptions options, DurableFile file, AuditKey key, TimeProvider time, ILogger logger)
    {
        (_options, _file, _key, _time, _logger) = (options, file, key, time, logger);
        var end = AuditEnd.Of(file);
        _chain = end.Chain;
        if (end.LacksLineFeed) _preface = "\n"u8.ToArray();
        if (end.Torn.Length > 0) logger.AuditLineWasTorn(file.Path, end.Torn.Length);
        var opened = AuditText.Opened(time.GetUtcNow(), options.Guarantee, key.Id);
        _first = end.Torn.Length > 0 ? [AuditText.Repaired(time.GetUtcNow(), end.Torn), opened] : [opened];
        _nextCheckpoint = time.GetUtcNow() + CheckpointInterval;
        _writing = Task.Run(WriteAllAsync);
    }

    /// <summary>False while the last record could not be written; true again when one is.</summary>
    public bool IsWritable
    {
        get => Volatile.Read(ref _isWritable);
        private set => Volatile.Write(ref _isWritable, value);
    }

    /// <summary>How many records wait for the writer.</summary>
    public int Queued => _queue.Reader.Count;

    /// <summary>How many records could not be written since the start.</summary>
    public long Lost => Interlocked.Read(ref _lost);

    /// <summary>Opens a file and continues its chain; makes file (0600), key and directory when they are not there. A torn end is marked.</summary>
    /// <exception cref="IOException">The file cannot be opened for writing, or another gateway writes to it.</exception>
    /// <exception cref="InvalidDataException">It is no audit of this version, or the key cannot be used.</exception>
    public static AuditLog Open(AuditOptions options, TimeProvider time, ILogger logger)
    {
        var file = DurableFile.Open(options.File);
        AuditKey? key = null;
        try
        {
            key = AuditKey.OpenOrCreate(options);
            return new AuditLog(options, file, key, time, logger);
        }
        catch
        {
            key?.Dispose();
            file.Dispose();
            throw;
        }
    }

    /// <summary>Records how a tunnel ended. Returns when the record has its place in the queue.</summary>
    public ValueTask WriteAsync(TunnelRecord record) => _queue.Writer.WriteAsync(new Entry(AuditText.Of(record), null));

    /// <summary>Records how a request ended.</summary>
    public ValueTask WriteAsync(RequestRecord record) => _queue.Writer.WriteAsync(new Entry(AuditText.Of(record), null));

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
        _file.Dispose();
        _key.Dispose();
    }

    private bool Needs(bool hasCredential) => _options.Guarantee == AuditGuarantee.BeforeUpstreamAlways || (hasCredential && _options.Guarantee == AuditGuarantee.BeforeUpstream);

    private async ValueTask<bool> AppendAsync(byte[] record, CancellationToken cancellationToken)
    {
        if (!IsWritable) return false;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(IntentTimeout);
        var isDurable = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        try
        {
            await _queue.Writer.WriteAsync(new Entry(record, isDurable), limit.Token);
            return await isDurable.Task.WaitAsync(limit.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return false;
        }
    }

    private async Task WriteAllAsync()
    {
        Write([], isClosing: false);
        var ready = _queue.Reader.WaitToReadAsync().AsTask();
        while (true)
        {
            try
            {
                if (!await ready.WaitAsync(UntilNextWrite(), _time)) break;
            }
            catch (TimeoutException)
            {
                Write([], isClosing: false);
                continue;
            }

            Write(Take(), isClosing: false);
            ready = _queue.Reader.WaitToReadAsync().AsTask();
        }

        Write([], isClosing: true);
    }

    // A file that cannot be written is tried without being asked, since nobody asks a gateway that says it is not ready.
    private TimeSpan UntilNextWrite()
    {
        if (!IsWritable) return RetryInterval;
        if (_unsigned == 0) return Timeout.InfiniteTimeSpan;
        var left = _nextCheckpoint - _time.GetUtcNow();
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }

    private List<Entry> Take()
    {
        var batch = new List<Entry>();
        for (var bytes = 0; bytes < MostBatchBytes && _queue.Reader.TryRead(out var entry); bytes += entry.Record.Length) batch.Add(entry);
        return batch;
    }

    /// <summary>One write and at most one sync for all. All of it is in the file afterwards, or nothing.</summary>
    private void Write(List<Entry> batch, bool isClosing)
    {
        var began = Stopwatch.GetTimestamp();
        var (before, unsigned, length) = (_chain, _unsigned, _file.Length);
        var head = Compose(batch, isClosing);
        var isDurable = true;
        try
        {
            if (!_file.Append(_lines.WrittenSpan)) _logger.AuditWasChanged(_file.Path);
            if (head is not null || _first.Length > 0 || batch.Exists(e => e.IsDurable is not null)) _file.Sync();
            Wrote();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            isDurable = false;
            (_chain, _unsigned) = (before, unsigned);
            Failed(e, length, batch.Count(b => b.IsDurable is null));
        }

        foreach (var entry in batch) entry.IsDurable?.TrySetResult(isDurable);
        if (isDurable && head is not null) KeepHead(head);
        if (Stopwatch.GetElapsedTime(began) is var took && took > SlowBatch) _logger.AuditIsSlow(_file.Path, batch.Count, (long)took.TotalMilliseconds);
    }

    /// <returns>The last checkpoint among the lines, if there is one.</returns>
    private byte[]? Compose(List<Entry> batch, bool isClosing)
    {
        var now = _time.GetUtcNow();
        byte[]? head = null;
        _lines.ResetWrittenCount();
        _lines.Write(_preface);
        foreach (var record in _first) Seal(record);
        if (_lostUntold > 0) Seal(AuditText.Gap(now, _lostUntold));
        foreach (var entry in batch)
        {
            Seal(entry.Record);
            if (_unsigned >= LinesPerCheckpoint - 1) head = SealCheckpoint(now, isClosing: false);
        }

        // Whoever cannot write tries with a checkpoint, which asks the disk as well.
        if (isClosing || !IsWritable || (_unsigned > 0 && now >= _nextCheckpoint)) head = SealCheckpoint(now, isClosing);
        return head;
    }

    private void Seal(byte[] record)
    {
        _chain = _chain.Seal(record, _lines);
        _unsigned++;
    }

    private byte[] SealCheckpoint(DateTimeOffset now, bool isClosing)
    {
        var begin = _lines.WrittenCount;
        Seal(AuditText.Of(Checkpoint.Sign(_key, _chain, now, isClosing)));
        _unsigned = 0;
        _nextCheckpoint = now + CheckpointInterval;
        return _lines.WrittenSpan[begin..].ToArray();
    }

    private void Wrote()
    {
        (_preface, _first) = ([], []);
        if (_lostUntold > 0) _logger.AuditLostRecords(_file.Path, _lostUntold);
        _lostUntold = 0;
        IsWritable = true;
    }

    private void Failed(Exception e, long length, int records)
    {
        if (IsWritable) _logger.AuditFailed(_file.Path, e.Message);
        IsWritable = false;
        _lostUntold += records;
        Interlocked.Add(ref _lost, records);
        try
        {
            // A full disk may have taken half of it; the next record must not be glued to it.
            _file.Undo(length);
        }
        catch (IOException undo)
        {
            _logger.AuditFailed(_file.Path, undo.Message);
        }
    }

    private void KeepHead(byte[] checkpoint)
    {
        try
        {
            DurableFile.Replace(_options.HeadFile, checkpoint, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _logger.AuditHeadFailed(_options.HeadFile, e.Message);
        }
    }

    /// <summary>A record on its way to the file.</summary>
    /// <param name="Record">Its JSON.</param>
    /// <param name="IsDurable">Is told whether it is on the disk; null when nobody waits for that.</param>
    private sealed record Entry(byte[] Record, TaskCompletionSource<bool>? IsDurable);
}
