namespace Fairlead.Gateway.Sessions;

/// <summary>What a session has taken so far. One for all its tokens, and its children count for it, too.</summary>
internal sealed class SessionUsage(TimeProvider time)
{
    private readonly Lock _lock = new();
    private long _bytes;
    private int _tunnels;
    private int _parked;
    private int _ending;
    private double? _allowance;
    private long _filled;

    /// <summary>Tunnels that are open.</summary>
    public int Tunnels => Volatile.Read(ref _tunnels);

    /// <summary>WebSockets that wait for a CONNECT.</summary>
    public int Parked => Volatile.Read(ref _parked);

    /// <summary>Bytes in tunnels, both ways.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    public void AddTunnel(int change) => Interlocked.Add(ref _tunnels, change);

    /// <summary>Takes a place for a WebSocket that waits, which <see cref="Unpark"/> gives back in any case when there was one.</summary>
    /// <param name="most">The limit.</param>
    public bool TryPark(int most) => TryAdd(ref _parked, most);

    public void Unpark() => Interlocked.Decrement(ref _parked);

    /// <summary>Takes a place for a tunnel that counts no more and is not gone yet, which <see cref="Gone"/> gives back in any case when there was one.</summary>
    /// <param name="most">The limit.</param>
    public bool TryEnd(int most) => TryAdd(ref _ending, most);

    public void Gone() => Interlocked.Decrement(ref _ending);

    public void AddBytes(long count) => Interlocked.Add(ref _bytes, count);

    /// <summary>Takes one request.</summary>
    /// <param name="perMinute">The limit.</param>
    /// <param name="wait">How long until one may pass, when this one may not.</param>
    public bool TryTakeRequest(int perMinute, out TimeSpan wait)
    {
        lock (_lock)
        {
            var now = time.GetTimestamp();
            // A bucket begins full; a smaller limit that came with a changed configuration holds at once.
            var perSecond = perMinute / 60.0;
            var filled = _allowance is { } left ? left + (time.GetElapsedTime(_filled, now).TotalSeconds * perSecond) : perMinute;
            (_allowance, _filled) = (Math.Min(filled, perMinute), now);
            wait = _allowance >= 1 ? TimeSpan.Zero : TimeSpan.FromSeconds((1 - _allowance.Value) / perSecond);
            if (_allowance < 1) return false;
            _allowance--;
            return true;
        }
    }

    private static bool TryAdd(ref int count, int most)
    {
        if (Interlocked.Increment(ref count) <= most) return true;
        Interlocked.Decrement(ref count);
        return false;
    }
}
