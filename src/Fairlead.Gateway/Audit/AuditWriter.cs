using System.Buffers;
using System.Diagnostics;

namespace Fairlead.Gateway.Audit;

/// <summary>
/// Writes records to the file, in batches: chained, with checkpoints, and with one sync for all who wait for the disk. Its caller sees to it that one thread is in it at a time.
/// <code>1 compose the lines   2 append   3 sync, where somebody waits   4 tell who waits   5 keep the head   6 rotate, and let go what need not stay</code>
/// </summary>
internal sealed class AuditWriter(AuditOptions options, AuditKey key, AuditStart start, IReadOnlyList<SinkProgress> sinks, TimeProvider time, ILogger logger) : IDisposable
{
    /// <summary>How many lines there are at most between two checkpoints, those of a start after a kill included.</summary>
    public const int LinesPerCheckpoint = 10_000;

    private const int LinesUntilCheckpoint = 9_900;

    private static readonly TimeSpan CheckpointInterval = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan RetentionInterval = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan SlowBatch = TimeSpan.FromSeconds(1);

    private readonly RotatingFile _file = new(start.File);
    private readonly CaptureFile _captures = new(start.File.Path);
    private readonly Retention _retention = new(options, key, logger);
    private readonly ArrayBufferWriter<byte> _lines = new(64 * 1024);

    private AuditChain _chain = start.Chain;
    // What must stand before the next record, whenever the file can be written.
    private byte[] _preface = start.Preface;
    private byte[][] _first = start.First;
    private int _unsigned;
    private long _lostUntold;
    private long _lost;
    private DateTimeOffset _began = start.Began;
    private bool _hasRecords = start.Preface.Length > 0 || start.File.Length > 0;
    private DateTimeOffset _nextCheckpoint = time.GetUtcNow() + (start.IsSigned ? CheckpointInterval : TimeSpan.Zero);
    private DateTimeOffset _nextRotation;
    private DateTimeOffset _nextRetention;
    private bool _isWritable = true;

    /// <summary>False while the last record could not be written; true again when one is.</summary>
    public bool IsWritable
    {
        get => Volatile.Read(ref _isWritable);
        private set => Volatile.Write(ref _isWritable, value);
    }

    /// <summary>How many records could not be written since the start.</summary>
    public long Lost => Interlocked.Read(ref _lost);

    /// <summary>How long there is nothing to do without a record. A file that cannot be written is tried without being asked, since nobody asks a gateway that says it is not ready.</summary>
    public TimeSpan UntilNextWrite()
    {
        if (!IsWritable) return RetryInterval;
        var next = _unsigned > 0 ? _nextCheckpoint : DateTimeOffset.MaxValue;
        if (_hasRecords && options.Rotation.Every is { } every) next = Earlier(next, Later(_began + every, _nextRotation));
        if (!options.Retention.KeepsAll) next = Earlier(next, _nextRetention);
        if (next == DateTimeOffset.MaxValue) return Timeout.InfiniteTimeSpan;
        var left = next - time.GetUtcNow();
        // Timers have a limit of their own.
        return left <= TimeSpan.Zero ? TimeSpan.Zero : left > TimeSpan.FromDays(1) ? TimeSpan.FromDays(1) : left;
    }

    /// <summary>Writes what came, and does what is due.</summary>
    public void Write(List<AuditEntry> batch)
    {
        if (!TryWrite(batch)) return;
        _hasRecords |= batch.Count > 0;
        RotateIfDue();
        LetGo();
    }

    /// <summary>Writes the closing checkpoint.</summary>
    public void Close() => TryWrite([], CheckpointKind.Closed);

    public void Dispose()
    {
        _captures.Dispose();
        _file.Dispose();
    }

    /// <summary>One write and at most one sync for all. All of it is in the file afterwards, or nothing.</summary>
    private bool TryWrite(List<AuditEntry> batch, CheckpointKind? asked = null)
    {
        var began = Stopwatch.GetTimestamp();
        var (before, unsigned, length) = (_chain, _unsigned, _file.Length);
        var head = Compose(batch, asked);
        var isWritten = true;
        KeepCaptures(batch);
        try
        {
            if (_lines.WrittenCount > 0) Append(mustSync: head is not null || _first.Length > 0 || batch.Exists(e => e.IsDurable is not null));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            isWritten = false;
            (_chain, _unsigned) = (before, unsigned);
            Failed(e, length, batch.Count(b => b.IsDurable is null));
        }

        foreach (var entry in batch) entry.IsDurable?.TrySetResult(isWritten);
        if (isWritten && head is not null) KeepHead(head);
        if (Stopwatch.GetElapsedTime(began) is var took && took > SlowBatch) logger.AuditIsSlow(_file.Path, batch.Count, (long)took.TotalMilliseconds);
        return isWritten;
    }

    /// <returns>The last checkpoint among the lines, if there is one.</returns>
    private byte[]? Compose(List<AuditEntry> batch, CheckpointKind? asked)
    {
        var now = time.GetUtcNow();
        byte[]? head = null;
        _lines.ResetWrittenCount();
        _lines.Write(_preface);
        foreach (var record in _first) Seal(record);
        if (_lostUntold > 0) Seal(AuditText.Gap(now, _lostUntold));
        foreach (var entry in batch)
        {
            Seal(entry.Record);
            if (_unsigned >= LinesUntilCheckpoint) head = SealCheckpoint(now, CheckpointKind.Open);
        }

        // Whoever cannot write tries with a checkpoint, which asks the disk as well.
        if (asked is not null || !IsWritable || (_unsigned > 0 && IsDue(_nextCheckpoint, CheckpointInterval, now))) head = SealCheckpoint(now, asked ?? CheckpointKind.Open);
        return head;
    }

    private void Seal(byte[] record)
    {
        _chain = _chain.Seal(record, _lines);
        _unsigned++;
    }

    private byte[] SealCheckpoint(DateTimeOffset now, CheckpointKind kind)
    {
        var begin = _lines.WrittenCount;
        Seal(AuditText.Of(Checkpoint.Sign(key, _chain, now, kind)));
        _unsigned = 0;
        _nextCheckpoint = now + CheckpointInterval;
        return _lines.WrittenSpan[begin..].ToArray();
    }

    private void Append(bool mustSync)
    {
        if (!_file.Append(_lines.WrittenSpan)) logger.AuditWasChanged(_file.Path);
        if (mustSync)
        {
            _file.Sync();
            foreach (var sink in sinks) sink.MayHave(_chain.Seq);
        }

        (_preface, _first) = ([], []);
        if (_lostUntold > 0) logger.AuditLostRecords(_file.Path, _lostUntold);
        _lostUntold = 0;
        IsWritable = true;
    }

    private void Failed(Exception e, long length, int records)
    {
        if (IsWritable) logger.AuditFailed(_file.Path, e.Message);
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
            logger.AuditFailed(_file.Path, undo.Message);
        }
    }

    // Killed between any two of these steps, the next start finds what is left to do: AuditStart.
    private void RotateIfDue()
    {
        var now = time.GetUtcNow();
        if (!_hasRecords || now < _nextRotation || !options.Rotation.IsDue(Math.Max(_file.Length, _captures.Length), _began, now)) return;
        if (!TryWrite([], CheckpointKind.Continued)) return;
        now = _nextCheckpoint - CheckpointInterval; // the time of that checkpoint
        var closed = AuditFiles.ClosedName(_file.Path, _chain.Seq, now);
        try
        {
            _captures.Close(closed);
            _file.Close(closed);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Behind 'continued', whoever writes says who they are.
            logger.AuditRotationFailed(_file.Path, e.Message);
            _first = [AuditText.Opened(now, options.Guarantee, key.Id)];
            _nextRotation = now + RetentionInterval;
            return;
        }

        _first = [AuditText.Continues(now, closed, start.ChainId)];
        (_began, _hasRecords) = (now, false);
        // With a checkpoint: from here on the head that is kept says that there is a next file.
        if (TryWrite([], CheckpointKind.Open)) logger.AuditRotated(closed);
        _nextRetention = now;
    }

    private void LetGo()
    {
        var now = time.GetUtcNow();
        if (options.Retention.KeepsAll || !IsDue(_nextRetention, RetentionInterval, now)) return;
        _nextRetention = now + RetentionInterval;
        // Signed and on the disk before a file goes: what is missing later is missing for a reason.
        _retention.Apply(now, sinks.Count == 0 ? long.MaxValue : sinks.Min(s => s.Delivered), record => TryWrite([new AuditEntry(record, null)], CheckpointKind.Open));
    }

    // The audit is what counts: its records say by their hashes what was captured, and whether it is there.
    private void KeepCaptures(List<AuditEntry> batch)
    {
        if (!batch.Exists(e => e.Capture is not null)) return;
        try
        {
            _captures.Append(batch.Where(e => e.Capture is not null).Select(e => e.Capture!));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            logger.AuditCapturesFailed(AuditFiles.CapturesOf(_file.Path), e.Message);
        }
    }

    private void KeepHead(byte[] checkpoint)
    {
        try
        {
            Files.WholeFile.Write(options.HeadFile, System.Text.Encoding.ASCII.GetString(checkpoint), UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            logger.AuditHeadFailed(options.HeadFile, e.Message);
        }
    }

    // A clock that was set back does not put off what is done every so often.
    private static bool IsDue(DateTimeOffset next, TimeSpan interval, DateTimeOffset now) => now >= next || next - now > interval;

    private static DateTimeOffset Earlier(DateTimeOffset a, DateTimeOffset b) => a < b ? a : b;

    private static DateTimeOffset Later(DateTimeOffset a, DateTimeOffset b) => a > b ? a : b;
}
