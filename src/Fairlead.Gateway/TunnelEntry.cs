using Fairlead.Gateway.Audit;
using Fairlead.Gateway.Sessions;
using Fairlead.Gateway.Telemetry;
using Fairlead.Wire;

namespace Fairlead.Gateway;

/// <summary>One tunnel's record while it is made, and what the tunnel has taken: disposing it gives that back and writes the record, whatever became of the tunnel.</summary>
internal sealed class TunnelEntry : IAsyncDisposable
{
    private readonly IAudit _audit;
    private readonly GatewayMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly long _began;
    private SessionLease? _taken;
    private bool _isReturned;
    private bool _isWithdrawn;

    public TunnelEntry(IAudit audit, GatewayMetrics metrics, TimeProvider time)
    {
        (_audit, _metrics, _time, _began) = (audit, metrics, time, time.GetTimestamp());
        var now = time.GetUtcNow();
        Record = new TunnelRecord { Time = now, Tunnel = Guid.CreateVersion7(now).ToString("N"), Outcome = Outcome.InternalError };
    }

    public TunnelRecord Record { get; set; }

    /// <summary>The tunnel's bytes, to be counted.</summary>
    public TunnelStream? Stream { get; set; }

    /// <summary>Takes a tunnel of the session's.</summary>
    /// <param name="lease">The session.</param>
    /// <param name="isFarBeyond">True when so many were refused already and are still there that no more should be explained to.</param>
    /// <returns>Null, or which limit is in the way.</returns>
    public string? Take(SessionLease lease, out bool isFarBeyond)
    {
        _taken = lease;
        return lease.TakeTunnel(out isFarBeyond);
    }

    /// <summary>Gives back what was taken, before the peer is told that the tunnel is over: it may ask for the next at once, on whichever WebSocket.</summary>
    public void GiveBack() => _isReturned = _isReturned || _taken?.TryReturnEarly() == true;

    /// <summary>No tunnel was asked for after all: there is nothing to record.</summary>
    public void Withdraw() => _isWithdrawn = true;

    public async ValueTask DisposeAsync()
    {
        if (_isReturned) _taken!.Gone();
        else _taken?.ReturnTunnel();
        if (_isWithdrawn) return;
        Record.BytesIn = Stream?.BytesRead ?? 0;
        Record.BytesOut = Stream?.BytesWritten ?? 0;
        Record.Total = _time.GetElapsedTime(_began);
        _metrics.Count(Record);
        await _audit.WriteAsync(Record);
    }
}
