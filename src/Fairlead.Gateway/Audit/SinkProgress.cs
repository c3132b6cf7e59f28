namespace Fairlead.Gateway.Audit;

/// <summary>How far another place for records has got with this audit.</summary>
/// <param name="name">The sink, as it is configured.</param>
/// <param name="required">How long it may be behind before nothing new is forwarded; null for ever.</param>
/// <param name="time">The clock.</param>
internal sealed class SinkProgress(string name, TimeSpan? required, TimeProvider time) : IDisposable
{
    private readonly SemaphoreSlim _more = new(0, 1);
    private readonly Lock _lock = new();
    private long _onDisk;
    private long _delivered;
    private long? _behindSince;
    private string? _problem;

    public string Name => name;

    /// <summary>The last record that is on the disk for good.</summary>
    public long OnDisk => Interlocked.Read(ref _onDisk);

    /// <summary>The last record that it has; 0 while that is not known.</summary>
    public long Delivered => Interlocked.Read(ref _delivered);

    /// <summary>How many records are on the disk and not there yet.</summary>
    public long Lag => Math.Max(0, OnDisk - Delivered);

    /// <summary>Since when it takes nothing of what there is; zero while it has all, or takes some.</summary>
    public TimeSpan Behind
    {
        get
        {
            lock (_lock) return _behindSince is { } since ? time.GetElapsedTime(since) : TimeSpan.Zero;
        }
    }

    /// <summary>What keeps it from taking more, or null.</summary>
    public string? Problem => Volatile.Read(ref _problem);

    /// <summary>True when requests must wait for it.</summary>
    public bool IsOverdue => Behind > required;

    /// <summary>The writer: so many records are on the disk.</summary>
    public void MayHave(long seq)
    {
        lock (_lock)
        {
            Interlocked.Exchange(ref _onDisk, seq);
            if (Lag > 0) _behindSince ??= time.GetTimestamp();
            if (_more.CurrentCount == 0) _ = _more.Release();
        }
    }

    /// <summary>The feed: so many records are there. Who says so and has no more than before, and not all, takes nothing still.</summary>
    public void Has(long seq)
    {
        lock (_lock)
        {
            var takesMore = seq > Delivered;
            Interlocked.Exchange(ref _delivered, seq);
            if (Lag == 0) _behindSince = null;
            else if (takesMore) _behindSince = time.GetTimestamp();
            if (Lag == 0 || takesMore) Volatile.Write(ref _problem, null);
        }
    }

    /// <summary>The feed: it takes nothing.</summary>
    public void Fails(string problem) => Volatile.Write(ref _problem, problem);

    /// <summary>Waits until there may be more to deliver, or somebody <see cref="Wake"/>s.</summary>
    public Task<bool> WaitAsync(TimeSpan limit) => _more.WaitAsync(limit);

    /// <summary>Ends the wait.</summary>
    public void Wake() => MayHave(OnDisk);

    public void Dispose() => _more.Dispose();
}
