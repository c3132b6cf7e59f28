using Fairlead.Gateway.Sessions;
using Fairlead.Wire;

namespace Fairlead.Gateway.Tunnels;

/// <summary>One open tunnel: a feature of its connection, so that TLS and every request inside know whose it is and where it goes.</summary>
/// <param name="id">Its id in the audit.</param>
/// <param name="session">Who opened it.</param>
/// <param name="destination">Where its CONNECT went.</param>
/// <param name="notify">Tells the relay what it cannot see: what was refused or failed inside the TLS. It may drop the notice.</param>
internal sealed class Tunnel(string id, SessionLease session, HostPort destination, Action<Notice> notify)
{
    private int _requests;
    private volatile string? _spent;

    public string Id => id;

    /// <summary>Who opened it, as the configuration in force has them: a request reads it once.</summary>
    public Session Session => session.Current;

    /// <summary>True once its session has ended: the tunnel is being cut.</summary>
    public bool IsRevoked => session.Revoked.IsCancellationRequested;

    /// <summary>Where the CONNECT went; SNI and the Host of every request must equal it.</summary>
    public HostPort Destination => destination;

    /// <summary>Why it is being cut with its session, or since that has taken all it may; null while it is not.</summary>
    public string? WhyCut => IsRevoked ? session.WhyEnded : _spent;

    /// <summary>True once its session has used up its bytes.</summary>
    public bool IsSpent => _spent is not null;

    /// <summary>True once the workload completed the TLS handshake with our leaf.</summary>
    public bool HasTls { get; set; }

    /// <summary>The server name that the workload asked for, when it was not the destination.</summary>
    public string? ForeignServerName { get; set; }

    /// <summary>Why there was no leaf to open TLS with; null while there was.</summary>
    public LeafRefusal? NoLeaf { get; set; }

    /// <summary>What was wrong with bytes in it that are no request of HTTP; null while all were.</summary>
    public string? MalformedRequest { get; set; }

    /// <summary>How many requests came through it.</summary>
    public int Requests => Volatile.Read(ref _requests);

    /// <summary>Takes a request of the session's.</summary>
    /// <returns>Null, or which limit is in the way.</returns>
    public string? TryTakeRequest(out TimeSpan wait) => session.TryTakeRequest(out wait);

    /// <summary>Counts bytes of the tunnel.</summary>
    /// <returns>Null, or why the tunnel must end.</returns>
    public string? Spend(long bytes) => session.Spend(bytes) is { } why ? _spent = why : null;

    /// <summary>Tells the relay of a refusal or failure; it may be dropped.</summary>
    public void Notify(Notice notice) => notify(notice);

    public void CountRequest() => Interlocked.Increment(ref _requests);

    /// <param name="Message">Why, a sentence.</param>
    /// <param name="Remedy">What to do about it.</param>
    /// <param name="Detail">What the audit has beside it, or null.</param>
    internal sealed record LeafRefusal(string Message, string Remedy, string? Detail);
}
