using System.Diagnostics.CodeAnalysis;
using Fairlead.Gateway.Identity;

namespace Fairlead.Gateway.Sessions;

/// <summary>What an open tunnel holds of its session. A new configuration, a revocation or the clock changes what the session may do, or ends it, while tunnels are open.</summary>
/// <param name="session">The session as it is now.</param>
/// <param name="usages">What it has taken: its own, and those of the sessions that it is a child of.</param>
[SuppressMessage("Design", "CA1001", Justification = "A source without a timer holds nothing, and tunnels look at it for as long as they like.")]
internal sealed class SessionLease(Session session, IReadOnlyList<SessionUsage> usages)
{
    private const int RefusedAtOnce = 16;

    // So many connections a session may have beyond its tunnels by not answering their end.
    private const int EndingAtOnce = 16;

    private readonly CancellationTokenSource _revoked = new();
    private Session _current = session;

    /// <summary>The session as it is now. A request reads this once, so that one configuration judges all of it.</summary>
    public Session Current => Volatile.Read(ref _current);

    /// <summary>What the token says, for a session that an issuer vouches for; else null.</summary>
    public VerifiedToken? Token { get; init; }

    /// <summary>The digest of what the issuer signed, for a session that an issuer vouches for.</summary>
    public string Root { get; init; } = "";

    /// <summary>The session's id and those of the sessions that it is a child of.</summary>
    public IReadOnlyList<string> Lineage { get; init; } = [session.Id];

    /// <summary>When it began: at its first tunnel.</summary>
    public DateTimeOffset Began { get; init; }

    /// <summary>When it ends by itself.</summary>
    public DateTimeOffset Expires { get; init; } = DateTimeOffset.MaxValue;

    /// <summary>What it has taken.</summary>
    public SessionUsage Usage => usages[0];

    /// <summary>Cancelled when the session has ended.</summary>
    public CancellationToken Revoked => _revoked.Token;

    /// <summary>Why it has ended.</summary>
    public string WhyEnded { get; private set; } = "the session has ended";

    public void Renew(Session next) => Volatile.Write(ref _current, next);

    // Whatever one tunnel does at its end, the others learn of it, too.
    public void Revoke(string why)
    {
        if (_revoked.IsCancellationRequested) return;
        WhyEnded = why;
        _ = _revoked.CancelAsync();
    }

    /// <summary>What it and the sessions that it is a child of have taken.</summary>
    public SessionUsage RootUsage => usages[^1];

    /// <summary>Takes a tunnel, which <see cref="ReturnTunnel"/> gives back in any case.</summary>
    /// <param name="isFarBeyond">True when so many were refused already and are still there that no more should be explained to.</param>
    /// <returns>Null, or which limit is in the way.</returns>
    public string? TakeTunnel(out bool isFarBeyond)
    {
        isFarBeyond = false;
        var limits = Current.Limits;
        // Counted first and looked at after: two that come at once cannot both take the last one.
        foreach (var usage in usages) usage.AddTunnel(1);
        if (IsSpent(limits) is { } spent) return spent;
        if (limits.Tunnels is not { } most || usages.All(u => u.Tunnels <= most)) return null;
        isFarBeyond = usages.Any(u => u.Tunnels > most + RefusedAtOnce);
        return $"the session has {most} open tunnels, which is its limit";
    }

    public void ReturnTunnel()
    {
        foreach (var usage in usages) usage.AddTunnel(-1);
    }

    /// <summary>Gives back a tunnel that is over, before its relay is told so; <see cref="Gone"/> is to be called in any case when its connection has ended, too.</summary>
    /// <returns>False when too many are so far and have not gone: then it is to be given back when it has.</returns>
    public bool TryReturnEarly()
    {
        if (!RootUsage.TryEnd(EndingAtOnce)) return false;
        ReturnTunnel();
        return true;
    }

    public void Gone() => RootUsage.Gone();

    /// <summary>Takes a request.</summary>
    /// <param name="wait">How long until one may pass; zero when waiting does not help.</param>
    /// <returns>Null, or which limit is in the way.</returns>
    public string? TryTakeRequest(out TimeSpan wait)
    {
        wait = TimeSpan.Zero;
        var limits = Current.Limits;
        if (IsSpent(limits) is { } spent) return spent;
        if (limits.RequestsPerMinute is not { } most) return null;
        foreach (var usage in usages)
        {
            if (!usage.TryTakeRequest(most, out wait)) return $"the session may make {most} requests a minute";
        }

        return null;
    }

    /// <summary>Counts bytes of a tunnel.</summary>
    /// <returns>Null, or that the session has no more.</returns>
    public string? Spend(long bytes)
    {
        foreach (var usage in usages) usage.AddBytes(bytes);
        return IsSpent(Current.Limits);
    }

    private string? IsSpent(SessionLimits limits) =>
        limits.Bytes is { } most && usages.Any(u => u.Bytes > most) ? $"the session has used up its {most} bytes" : null;
}
