using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Fairlead.Gateway.Identity;

namespace Fairlead.Gateway.Sessions;

/// <summary>
/// Finds the session that a caller proves to be, in the configuration that is in force: by a token of the configuration, or by one that an issuer signed.
/// A signed token is verified once; what it may is looked up again whenever the configuration changes.
/// </summary>
internal sealed class SessionRegistry : IDisposable
{
    /// <summary>Tokens of issuers that may be known at once: 20,000.</summary>
    public const int MaxIssued = 20_000;

    /// <summary>Tokens that may be known at once of those that were narrowed from one: 256. Whoever holds it can make as many as it likes.</summary>
    public const int MaxChildren = 256;

    private const string Unknown = "no session of the configuration has this token";
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    private readonly TimeProvider _time;
    private readonly Lock _lock = new();
    private readonly ConcurrentDictionary<string, SessionLease> _issued = new();
    private readonly Dictionary<string, Account> _accounts = [];
    private readonly Dictionary<string, RootToken> _roots = [];
    private readonly HashSet<string> _revokedHere = [];
    private readonly ITimer _clock;
    private SessionSet _set;
    private IReadOnlyList<SessionLease> _leases;

    public SessionRegistry(SessionSet set, TimeProvider time)
    {
        (_set, _time) = (set, time);
        _leases = [.. set.Fixed.Where(s => !set.Revoked.Contains(s.Id)).Select(NewLease)];
        _clock = time.CreateTimer(_ => EndExpired(), null, Interval, Interval);
    }

    /// <summary>What a session has taken, and how many known tokens are it or its children.</summary>
    private sealed class Account(SessionUsage usage)
    {
        public SessionUsage Usage => usage;

        public int Tokens { get; set; }
    }

    /// <summary>A token as its issuer signed it, whatever was narrowed from it: a session's time is its token's.</summary>
    /// <param name="expires">When the session ends.</param>
    /// <param name="tokenExpires">When nobody can begin it any more.</param>
    private sealed class RootToken(DateTimeOffset expires, DateTimeOffset tokenExpires)
    {
        public DateTimeOffset Expires => expires;

        public DateTimeOffset TokenExpires => tokenExpires;

        public int Children { get; set; }
    }

    /// <summary>Called with the id of a session that has ended, and why.</summary>
    public Action<string, string> Ended { get; set; } = (_, _) => { };

    /// <summary>Who may sign tokens, as the configuration in force says.</summary>
    public IReadOnlyList<TokenIssuer> Issuers => Volatile.Read(ref _set).Issuers;

    /// <summary>The sessions that are alive: those of the configuration, and those of issuers that have called. One that has several tokens stands there for each.</summary>
    public IEnumerable<SessionLease> Alive => Volatile.Read(ref _leases).Concat(_issued.Values).Where(l => !l.Revoked.IsCancellationRequested);

    /// <summary>SHA-256 of a token, by which it is compared and kept.</summary>
    public static byte[] HashOf(string token) => SHA256.HashData(Encoding.UTF8.GetBytes(token));

    /// <summary>Fetches the keys that no token has asked for yet, so that the first tunnel need not wait, and what is wrong is known before.</summary>
    public void FetchKeys()
    {
        foreach (var issuer in Issuers)
        {
            if (issuer.Keys is FetchedKeys { Problem: not null } keys) _ = keys.RefreshAsync(CancellationToken.None);
        }
    }

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
        if (_issued.TryGetValue(Convert.ToHexString(hash), out var known))
            return known.Revoked.IsCancellationRequested || HasExpired(known) ? (null, HasExpired(known) ? ExpiredAt(known) : known.WhyEnded) : (known, "");
        return await AdmitAsync(token, hash, cancellationToken);
    }

    /// <summary>Puts other sessions into force. One of the same id and token lives on with what it was given now; open tunnels of all others are told.</summary>
    public void Replace(SessionSet set)
    {
        var ended = new List<(string Id, string Why)>();
        lock (_lock) Put(set, ended);
        Tell(ended);
    }

    /// <summary>Ends a session at once, and what is a child of it. That it stays ended is the matter of the list that it is written to.</summary>
    /// <returns>The ids of those that ended.</returns>
    public IReadOnlyList<string> Revoke(string id)
    {
        var ended = new List<(string Id, string Why)>();
        lock (_lock)
        {
            _revokedHere.Add(id);
            Put(_set, ended);
        }

        Tell(ended);
        return [.. ended.Select(e => e.Id).Order(StringComparer.Ordinal)];
    }

    /// <summary>Puts another list of revoked sessions into force, and nothing else.</summary>
    public void Revoke(IReadOnlySet<string> revoked)
    {
        var ended = new List<(string Id, string Why)>();
        lock (_lock)
        {
            if (!revoked.IsSubsetOf(_set.Revoked)) Put(_set with { Revoked = _set.Revoked.Union(revoked).ToHashSet() }, ended);
        }

        Tell(ended);
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

    private void Put(SessionSet set, List<(string Id, string Why)> ended)
    {
        // What this process revoked stands until the list that it was written to says so, too.
        if (!ReferenceEquals(set.Revoked, _set.Revoked)) _revokedHere.ExceptWith(set.Revoked);
        set = set with { Issuers = [.. set.Issuers.Select(Kept)], Revoked = set.Revoked.Union(_revokedHere).ToHashSet() };
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
        foreach (var lease in ending.Values) End(lease, set.Revoked.Contains(lease.Current.Id) ? "the session was revoked" : "the configuration has the session no more, or with another token", ended);
        foreach (var (key, lease) in _issued) Review(key, lease, before, set, ended);
    }

    private async ValueTask<(SessionLease? Lease, string Why)> AdmitAsync(string text, byte[] hash, CancellationToken cancellationToken)
    {
        var set = Volatile.Read(ref _set);
        if (set.Entries.Count == 0 || !SessionToken.TryParse(text, out var token)) return (null, Unknown);
        if (SessionToken.ClaimsOf(token.Root) is not { } claims || set.Issuers.FirstOrDefault(i => i.Issuer == SessionToken.Text(claims, "iss") && IsAudience(claims, i.Audience)) is not { } issuer)
            return (null, "the configuration has no issuer with the 'iss' and 'aud' of this token");
        var (verified, problem) = await issuer.VerifyAsync(token, _time.GetUtcNow(), cancellationToken);
        if (verified is null) return (null, $"the token is refused: {problem}");
        // Rules are parsed once, and by whoever brings them.
        if (SessionEntry.TryNarrow(verified, out var narrowed) is { } odd) return (null, $"the token is refused: {odd}");
        lock (_lock)
        {
            // The configuration may have changed while the keys were fetched.
            if (_set.Issuers.FirstOrDefault(issuer.IsLike)?.Keys.StillHas(verified.KeyId) != true) return (null, Unknown);
            return Admit(verified, narrowed, token.Root, hash);
        }
    }

    private (SessionLease? Lease, string Why) Admit(VerifiedToken token, IReadOnlyList<Policy.RuleSet> narrowed, string root, byte[] hash)
    {
        if (_set.Entries.FirstOrDefault(e => e.IsFor(token)) is not { } entry) return (null, $"the token is good, and no entry of 'sessions' is for issuer '{token.Issuer}' and its claims");
        if (entry.TryCreate(token, hash, narrowed, out var lineage, out var session) is { } problem) return (null, $"the token is refused: {problem}");
        if (IsRevoked(_set, token, lineage)) return (null, "the session was revoked");
        var now = _time.GetUtcNow();
        if (token.Expires <= now) return (null, $"the token expired at {token.Expires:u}");
        if (token.Children.FirstOrDefault(c => c.Expires <= now) is { } old) return (null, $"the child token expired at {old.Expires:u}");
        var rootKey = Convert.ToHexString(HashOf(root));
        if (!_roots.TryGetValue(rootKey, out var known)) known = new RootToken(entry.Lifetime is { } lifetime ? now + lifetime : token.Expires, token.Expires);
        if (known.Expires <= now) return (null, $"the session expired at {known.Expires:u}");
        if (token.Children.Count > 0 && known.Children >= MaxChildren) return (null, $"{MaxChildren} tokens were narrowed from this one and are alive, which is the limit");
        if (_issued.Count >= MaxIssued) return (null, $"the gateway knows {MaxIssued} tokens, which is its limit");
        var expires = token.Children.Select(c => c.Expires).Append(known.Expires).Min();
        var key = Convert.ToHexString(hash);
        // Two tunnels that begin at once bring it twice.
        if (_issued.TryGetValue(key, out var other)) return (other, "");
        _roots[rootKey] = known;
        if (token.Children.Count > 0) known.Children++;
        var lease = new SessionLease(session!, [.. lineage.Reverse().Select(id => AccountOf(id, tokens: 1).Usage)]) { Token = token, Root = rootKey, Lineage = lineage, Began = now, Expires = expires };
        _issued[key] = lease;
        return (lease, "");
    }

    // A token that lived before is judged as one that comes now, but for its time: that runs from its first tunnel.
    private void Review(string key, SessionLease lease, SessionSet before, SessionSet now, List<(string Id, string Why)> ended)
    {
        if (HasExpired(lease)) return;
        var token = lease.Token!;
        var issuer = now.Issuers.FirstOrDefault(i => i.Name == token.Issuer);
        var isSame = issuer is not null && before.Issuers.FirstOrDefault(i => i.Name == token.Issuer)?.IsLike(issuer) == true && issuer.Keys.StillHas(token.KeyId);
        var entry = isSame ? now.Entries.FirstOrDefault(e => e.IsFor(token)) : null;
        if (IsRevoked(now, token, lease.Lineage)) End(lease, "the session was revoked", ended);
        // Another entry is another session: its id, and so whatever was counted for it, differ.
        else if (entry is null || entry.Granted.Id != lease.Current.Entry || entry.TryCreate(token, lease.Current.TokenHash, lease.Current.Narrowed, out _, out var session) is not null) End(lease, "the configuration has no place for the session any more", ended);
        else lease.Renew(session!);
        // Judged anew when it comes again: what ended it may be mended by then.
        if (lease.Revoked.IsCancellationRequested) Forget(key, lease);
    }

    private void EndExpired()
    {
        var ended = new List<(string Id, string Why)>();
        lock (_lock)
        {
            var now = _time.GetUtcNow();
            foreach (var (key, lease) in _issued)
            {
                if (lease.Expires > now) continue;
                End(lease, ExpiredAt(lease), ended);
                // A session that was shorter than its token is remembered as long as that would begin another one.
                if (lease.Token!.Children.Select(c => c.Expires).Append(lease.Token.Expires).Min() <= now) Forget(key, lease);
            }

            // A root is remembered while its token could begin a session again: its lifetime is counted once.
            foreach (var (key, root) in _roots)
            {
                if (root.TokenExpires <= now) _roots.Remove(key);
            }
        }

        Tell(ended);
    }

    private void Forget(string key, SessionLease lease)
    {
        if (!_issued.TryRemove(key, out _)) return;
        foreach (var id in lease.Lineage)
        {
            if (_accounts.TryGetValue(id, out var account) && --account.Tokens <= 0) _accounts.Remove(id);
        }

        if (lease.Token!.Children.Count > 0 && _roots.TryGetValue(lease.Root, out var root)) root.Children--;
    }

    // Under the lock; whoever is told of it is told behind it.
    private void End(SessionLease lease, string why, List<(string Id, string Why)> ended)
    {
        if (lease.Revoked.IsCancellationRequested) return;
        lease.Revoke(why);
        var id = lease.Current.Id;
        // Another token of the same subject keeps the session.
        if (!_accounts.TryGetValue(id, out var account) || account.Tokens <= 1 || !_issued.Values.Any(l => l.Current.Id == id && !l.Revoked.IsCancellationRequested)) ended.Add((id, why));
    }

    private void Tell(List<(string Id, string Why)> ended)
    {
        foreach (var (id, why) in ended) Ended(id, why);
    }

    private static string ExpiredAt(SessionLease lease) => $"the session expired at {lease.Expires:u}";

    private bool HasExpired(SessionLease lease) => lease.Expires <= _time.GetUtcNow();

    private SessionLease NewLease(Session session) => new(session, [AccountOf(session.Id, tokens: 0).Usage]) { Began = _time.GetUtcNow() };

    private Account AccountOf(string id, int tokens)
    {
        if (!_accounts.TryGetValue(id, out var account)) _accounts[id] = account = new Account(new SessionUsage(_time));
        account.Tokens += tokens;
        return account;
    }

    // Keys that were fetched are kept over a change of the configuration that is not about them.
    private TokenIssuer Kept(TokenIssuer issuer) => _set.Issuers.FirstOrDefault(issuer.IsLike) is { Keys: FetchedKeys } known ? known : issuer;

    private static bool IsRevoked(SessionSet set, VerifiedToken token, IReadOnlyList<string> lineage) =>
        set.Revoked.Count > 0 && (lineage.Any(set.Revoked.Contains) || (token.TokenId is { } id && set.Revoked.Contains(id)) || token.Children.Any(c => set.Revoked.Contains(c.Id)));

    private static bool IsAudience(JsonElement claims, string audience) =>
        claims.TryGetProperty("aud", out var aud) && (aud.ValueKind == JsonValueKind.Array ? aud.EnumerateArray().Any(a => a.ValueKind == JsonValueKind.String && a.GetString() == audience) : SessionToken.Text(claims, "aud") == audience);
}
