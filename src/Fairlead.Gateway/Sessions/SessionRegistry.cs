using System.Security.Cryptography;
using System.Text;

namespace Fairlead.Gateway.Sessions;

/// <summary>Finds the session that a caller proves to be, among those of the configuration that is in force.</summary>
internal sealed class SessionRegistry
{
    private readonly Lock _replacing = new();
    private IReadOnlyList<SessionLease> _leases;

    public SessionRegistry(IReadOnlyList<Session> sessions) => _leases = [.. sessions.Select(s => new SessionLease(s))];

    /// <summary>SHA-256 of a token, by which it is compared and kept.</summary>
    public static byte[] HashOf(string token) => SHA256.HashData(Encoding.UTF8.GetBytes(token));

    /// <summary>The first authentication: <c>Authorization: Bearer TOKEN</c> on the upgrade.</summary>
    /// <returns>The session, or null. Every session is compared, each in constant time.</returns>
    public SessionLease? Authenticate(string? authorization)
    {
        const string scheme = "Bearer ";
        if (authorization is null || !authorization.StartsWith(scheme, StringComparison.OrdinalIgnoreCase)) return null;
        var hash = HashOf(authorization[scheme.Length..].Trim());
        SessionLease? found = null;
        foreach (var lease in Volatile.Read(ref _leases))
        {
            if (CryptographicOperations.FixedTimeEquals(lease.Current.TokenHash, hash)) found = lease;
        }

        return found;
    }

    /// <summary>Puts other sessions into force. One of the same id and token lives on with what it was given now; open tunnels of all others are told.</summary>
    /// <returns>The ids of those that ended.</returns>
    public IReadOnlyList<string> Replace(IReadOnlyList<Session> sessions)
    {
        lock (_replacing)
        {
            var ending = _leases.ToDictionary(l => l.Current.Id);
            var next = new List<SessionLease>();
            foreach (var session in sessions)
            {
                var lives = ending.TryGetValue(session.Id, out var lease) && lease.Current.TokenHash.AsSpan().SequenceEqual(session.TokenHash);
                if (lives) ending.Remove(session.Id);
                next.Add(lives ? lease! : new SessionLease(session));
                if (lives) lease!.Renew(session);
            }

            Volatile.Write(ref _leases, next);
            foreach (var lease in ending.Values) lease.Revoke();
            return [.. ending.Keys];
        }
    }

    /// <summary>The second authentication: <c>Proxy-Authorization: Basic base64(session-id:token)</c> in the first chunk, which must agree with the first.</summary>
    public static bool Confirms(Session session, string? proxyAuthorization)
    {
        const string scheme = "Basic ";
        if (proxyAuthorization is null || !proxyAuthorization.StartsWith(scheme, StringComparison.OrdinalIgnoreCase)) return false;
        var decoded = new byte[proxyAuthorization.Length];
        if (!Convert.TryFromBase64String(proxyAuthorization[scheme.Length..].Trim(), decoded, out var length)) return false;
        var colon = decoded.AsSpan(0, length).IndexOf((byte)':');
        if (colon < 0) return false;
        // Both halves are hashed to one length, and both are always compared.
        var isUser = CryptographicOperations.FixedTimeEquals(
            SHA256.HashData(decoded.AsSpan(0, colon)), SHA256.HashData(Encoding.UTF8.GetBytes(session.Id)));
        var isPassword = CryptographicOperations.FixedTimeEquals(SHA256.HashData(decoded.AsSpan(colon + 1, length - colon - 1)), session.TokenHash);
        CryptographicOperations.ZeroMemory(decoded);
        return isUser & isPassword;
    }
}
