using System.Diagnostics.CodeAnalysis;

namespace Fairlead.Gateway.Sessions;

/// <summary>What an open tunnel holds of its session. A new configuration changes what the session may do, or ends it, while tunnels are open.</summary>
[SuppressMessage("Design", "CA1001", Justification = "A source without a timer holds nothing, and tunnels look at it for as long as they like.")]
internal sealed class SessionLease(Session session)
{
    private readonly CancellationTokenSource _revoked = new();
    private Session _current = session;

    /// <summary>The session as it is now. A request reads this once, so that one configuration judges all of it.</summary>
    public Session Current => Volatile.Read(ref _current);

    /// <summary>Cancelled when the session has ended, or has another token.</summary>
    public CancellationToken Revoked => _revoked.Token;

    public void Renew(Session next) => Volatile.Write(ref _current, next);

    // Whatever one tunnel does at its end, the others learn of it, too.
    public void Revoke() => _ = _revoked.CancelAsync();
}
