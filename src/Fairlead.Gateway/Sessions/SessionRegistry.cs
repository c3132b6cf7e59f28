using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Fairlead.Gateway.Identity;

namespace Fairlead.Gateway.Sessions;

/// <summary>
/// Finds the session that a caller proves to be, in the configuration that is in force: by a token of the configuration, or by one that an issuer signed.
/// A signed token is verified once; what it may is looked up again whenever the configuration changes.
/// </summary>
internal sealed class SessionRegistry : IDisposable
{
    /// <summary>Sessions of issuers that may be alive at once: 20,000. A token can be narrowed by its holder as often as it likes.</summary>
    public const int MaxIssued = 20_000;

    private const string Unknown = "no session of the configuration has this token";
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    private readonly TimeProvider _time;
    private readonly Lock _replacing = new();
    private readonly ConcurrentDictionary<string, SessionLease> _issued = new();
    private readonly ConcurrentDictionary<string, SessionUsage> _usages = new();
    private readonly ITimer _clock;
    private SessionSet _set;
    private IReadOnlyList<SessionLease> _leases;

    public SessionRegistry(SessionSet set, TimeProvider time)
    {
        (_set, _time) = (set, time);
        _leases = [.. set.Fixed.Where(s => !set.Revoked.Contains(s.Id)).Select(NewLease)];
        _clock = time.CreateTimer(_ => EndExpired(), null, Interval, Interval);
    }

    /// <summary>Fetches the keys that no token has asked for yet, so that the first tunnel need not wait, and what is wrong is known before.</summary>
    public void FetchKeys()
    {
        foreach (var issuer in Issuers)
        {
            if (issuer.Keys is FetchedKeys { Problem: not null } keys) _ = keys.RefreshAsync(CancellationToken.None);
        }
    }

    /// <summary>Called with the id of a session that has ended.</summary>
    public Action<string, string> Ended { get; set; } = (_, _) => { };

    /// <summary>Who may sign tokens, as the configuration in force says.</summary>
    public IReadOnlyList<TokenIssuer> Issuers => Volatile.Read(ref _set).Issuers;

    /// <summary>The sessions that are alive: those of the configuration, and those of issuers that have called.</summary>
    public IEnumerable<SessionLease> Alive => Volatile.Read(ref _leases).Concat(_issued.Values);

    /// <summary>SHA-256 of a token, by which it is compared and kept.</summary>
    public static byte[] HashOf(string token) => SHA256.HashData(Encoding.UTF8.GetBytes(token));

    /// <summary>The first authentication: <c>Authorization: Bearer TOKEN</c> on the upgrade.</summary>
    /// <returns>The session; or null and why, which may be told to the caller.</returns>
    public async ValueTask<(SessionLease? Lease, string Why)> AuthenticateAsync(string? authorization, CancellationToken cancellationToken)
    {
        const string scheme = "Bearer ";
        if (authorization is null || !authorization.StartsWith(scheme, StringComparison.OrdinalIgnoreCase)) return (null, Unknown);
        var token = authorization[scheme.Length..].Trim();
        var hash = HashOf(token);
        // Every session is compared, each in constant time.
        SessionLease? found = null;
        foreach (var lease in Volatile.Read(ref _leases))
        {
            if (CryptographicOperations.FixedTimeEquals(lease.Current.TokenHash, hash)) found = lease;
        }

        if (found is not null) return (found, "");
        // A digest tells nothing about the token that it was made of, so this one may be looked up.
        if (_issued.TryGetValue(Convert.ToHexString(hash), out var known)) return known.Revoked.IsCancellationRequested || HasExpired(known) ? (null, known.WhyEnded) : (known, "");
        return await AdmitAsync(token, hash, cancellationToken);
    }

    /// <summary>Puts other sessions into force. One of the same id and token lives on with what it was given now; open tunnels of all others are told.</summary>
    public void Replace(SessionSet set)
    {
        lock (_replacing)
        {
            set = set with { Issuers = [.. set.Issuers.Select(Kept)] };
            var ending = _leases.ToDictionary(l => l.Current.Id);
            var next = new List<SessionLease>();
            foreach (var session in set.Fixed.Where(s => !set.Revoked.Contains(s.Id)))
            {
                var lives = ending.TryGetValue(session.Id, out var lease) && lease.Current.TokenHash.AsSpan().SequenceEqual(session.TokenHash);
                if (lives) ending.Remove(session.Id);
                next.Add(lives ? lease! : NewLease(session));
                if (lives) lease!.Renew(session);
            }

            var before = _set;
            Volatile.Write(ref _set, set);
            Volatile.Write(ref _leases, next);
            foreach (var lease in ending.Values) End(lease, set.Revoked.Contains(lease.Current.Id) ? "the session was revoked" : "the configuration has the session no more, or with another token");
            foreach (var (key, lease) in _issued) Review(key, lease, before, set);
        }
    }

    /// <summary>Ends a session at once, and what is a child of it. That it stays ended is the configuration's matter.</summary>
    public void Revoke(string id)
    {
        lock (_replacing) Replace(_set with { Revoked = _set.Revoked.Append(id).ToHashSet() });
    }

    /// <summary>The second authentication: <c>Proxy-Authorization: Basic base64(user:token)</c> in the first chunk, which must agree with the first. The user is the session's id, or that of its entry.</summary>
    public static bool Confirms(Session session, string? proxyAuthorization)
    {
        const string scheme = "Basic ";
        if (proxyAuthorization is null || !proxyAuthorization.StartsWith(scheme, StringComparison.OrdinalIgnoreCase)) return false;
        var decoded = new byte[proxyAuthorization.Length];
        if (!Convert.TryFromBase64String(proxyAuthorization[scheme.Length..].Trim(), decoded, out var length)) return false;
        var colon = decoded.AsSpan(0, length).IndexOf((byte)':');
        if (colon < 0) return false;
        // All are hashed to one length, and all are always compared.
        var user = SHA256.HashData(decoded.AsSpan(0, colon));
        var isUser = CryptographicOperations.FixedTimeEquals(user, HashOf(session.Id)) | CryptographicOperations.FixedTimeEquals(user, HashOf(session.Entry));
        var isPassword = CryptographicOperations.FixedTimeEquals(SHA256.HashData(decoded.AsSpan(colon + 1, length - colon - 1)), session.TokenHash);
        CryptographicOperations.ZeroMemory(decoded);
        return isUser & isPassword;
    }

    public void Dispose() => _clock.Dispose();

    private async ValueTask<(SessionLease? Lease, string Why)> AdmitAsync(string text, byte[] hash, CancellationToken cancellationToken)
    {
        var set = Volatile.Read(ref _set);
        if (set.Entries.Count == 0 || !SessionToken.TryParse(text, out var token)) return (null, Unknown);
        if (SessionToken.ClaimsOf(token.Root) is not { } claims || set.Issuers.FirstOrDefault(i => i.Issuer == SessionToken.Text(claims, "iss") && IsAudience(claims, i.Audience)) is not { } issuer)
            return (null, "the configuration has no issuer with the 'iss' and 'aud' of this token");
        var (verified, problem) = await issuer.VerifyAsync(token, _time.GetUtcNow(), cancellationToken);
        if (verified is null) return (null, $"the token is refused: {problem}");
        lock (_replacing)
        {
            // The configuration may have changed while the keys were fetched.
            set = _set;
            if (!set.Issuers.Any(issuer.IsLike)) return (null, Unknown);
            return Admit(verified, hash, set);
        }
    }

    private (SessionLease? Lease, string Why) Admit(VerifiedToken token, byte[] hash, SessionSet set)
    {
        if (set.Entries.FirstOrDefault(e => e.IsFor(token)) is not { } entry) return (null, $"the token is good, and no entry of 'sessions' is for issuer '{token.Issuer}' and its claims");
        if (entry.TryCreate(token, hash, out var lineage, out var session) is { } problem) return (null, $"the token is refused: {problem}");
        if (IsRevoked(set, token, lineage)) return (null, "the session was revoked");
        var now = _time.GetUtcNow();
        if (token.Expires <= now) return (null, $"the token expired at {token.Expires:u}");
        if (token.Children.FirstOrDefault(c => c.Expires <= now) is { } old) return (null, $"the child token expired at {old.Expires:u}");
        if (_issued.Count >= MaxIssued) return (null, $"the gateway has {MaxIssued} sessions, which is its limit");
        var expires = token.Children.Select(c => c.Expires).Append(entry.Lifetime is { } lifetime ? now + lifetime : token.Expires).Min();
        var lease = new SessionLease(session!, [.. lineage.Reverse().Select(UsageOf)]) { Token = token, Lineage = lineage, Began = now, Expires = expires };
        return (_issued.GetOrAdd(Convert.ToHexString(hash), lease), "");
    }

    // A token that lived before is judged as one that comes now, but for its time: that runs from its first tunnel.
    private void Review(string key, SessionLease lease, SessionSet before, SessionSet now)
    {
        if (HasExpired(lease)) return;
        var token = lease.Token!;
        var issuer = now.Issuers.FirstOrDefault(i => i.Name == token.Issuer);
        var isSame = issuer is not null && before.Issuers.FirstOrDefault(i => i.Name == token.Issuer)?.IsLike(issuer) == true && issuer.Keys.StillHas(token.KeyId);
        var entry = isSame ? now.Entries.FirstOrDefault(e => e.IsFor(token)) : null;
        if (IsRevoked(now, token, lease.Lineage)) End(lease, "the session was revoked");
        // Another entry is another session: its id, and so whatever was counted for it, differ.
        else if (entry is null || entry.Granted.Id != lease.Current.Entry || entry.TryCreate(token, lease.Current.TokenHash, out _, out var session) is not null) End(lease, "the configuration has no place for the session any more");
        else lease.Renew(session!);
        // Judged anew when it comes again: what ended it may be mended by then.
        if (lease.Revoked.IsCancellationRequested) Forget(key, lease);
    }

    private void EndExpired()
    {
        foreach (var (key, lease) in _issued)
        {
            if (!HasExpired(lease)) continue;
            End(lease, $"the session expired at {lease.Expires:u}");
            // A session that was shorter than its token is remembered as long as that would begin another one.
            if (lease.Token!.Expires <= _time.GetUtcNow()) Forget(key, lease);
        }
    }

    private void Forget(string key, SessionLease lease)
    {
        if (!_issued.TryRemove(key, out _)) return;
        foreach (var id in lease.Lineage)
        {
            if (!_issued.Values.Any(l => l.Lineage.Contains(id))) _usages.TryRemove(id, out _);
        }
    }

    private void End(SessionLease lease, string why)
    {
        if (lease.Revoked.IsCancellationRequested) return;
        lease.Revoke(why);
        var id = lease.Current.Id;
        // Another token of the same subject keeps the session.
        if (!_issued.Values.Any(l => l.Current.Id == id && !l.Revoked.IsCancellationRequested)) Ended(id, why);
    }

    private bool HasExpired(SessionLease lease) => lease.Expires <= _time.GetUtcNow();

    private SessionLease NewLease(Session session) => new(session, [UsageOf(session.Id)]) { Began = _time.GetUtcNow() };

    private SessionUsage UsageOf(string id) => _usages.GetOrAdd(id, _ => new SessionUsage(_time));

    // Keys that were fetched are kept over a change of the configuration that is not about them.
    private TokenIssuer Kept(TokenIssuer issuer) => _set.Issuers.FirstOrDefault(issuer.IsLike) is { Keys: FetchedKeys } known ? known : issuer;

    private static bool IsRevoked(SessionSet set, VerifiedToken token, IReadOnlyList<string> lineage) =>
        set.Revoked.Count > 0 && (lineage.Any(set.Revoked.Contains) || (token.TokenId is { } id && set.Revoked.Contains(id)) || token.Children.Any(c => set.Revoked.Contains(c.Id)));

    private static bool IsAudience(System.Text.Json.JsonElement claims, string audience) =>
        claims.TryGetProperty("aud", out var aud) && (aud.ValueKind == System.Text.Json.JsonValueKind.Array ? aud.EnumerateArray().Any(a => a.ValueKind == System.Text.Json.JsonValueKind.String && a.GetString() == audience) : SessionToken.Text(claims, "aud") == audience);
}
