using System.Text.Json;
using Fairlead.Gateway.Configuration;
using Fairlead.Gateway.Identity;
using Fairlead.Gateway.Sessions;
using Fairlead.Wire;

namespace Fairlead.Gateway;

/// <summary>Makes sessions with the gateway's own key, for the command and for the endpoint.</summary>
internal static class SessionMint
{
    private const int MaxIdLength = 200;

    /// <exception cref="ConfigException">The configuration has no such entry.</exception>
    /// <exception cref="InvalidDataException">What was asked for cannot be made.</exception>
    public static MintedSession Make(GatewayOptions options, SessionRequest request, TimeSpan defaultLifetime, DateTimeOffset now)
    {
        var entry = EntryOf(options, request.Entry);
        var issuer = options.SessionSet.Issuers.First(i => i.Name == entry.Issuer);
        var subject = request.Id ?? Guid.CreateVersion7(now).ToString("N");
        if (subject.Length is 0 or > MaxIdLength || subject.Any(c => c is <= ' ' or >= '~' or ':'))
            throw new InvalidDataException($"id: expected visible ASCII without ':' and '~', of at most {MaxIdLength} characters, got '{HostPort.Printable(subject)}'");
        return MintedSession.Create(issuer, entry.Granted.Id, ClaimsFor(entry, request.Claims), subject, request.Lifetime ?? defaultLifetime, now);
    }

    /// <summary>Why a session cannot be revoked by an id; null when it can.</summary>
    public static string? WhyNotRevocable(GatewayOptions options, string id)
    {
        if (options.RevocationsFile is null) return "the configuration has no 'revocations: FILE', so a revocation would not outlive the gateway";
        return options.SessionSet.Entries.Any(e => e.Granted.Id == id)
            ? $"'{HostPort.Printable(id)}' is an entry of the configuration, by which there may be many sessions: name one, such as {HostPort.Printable(id)}/SUBJECT, or take the entry out"
            : null;
    }

    private static SessionEntry EntryOf(GatewayOptions options, string? id)
    {
        var own = options.SessionSet.Entries.Where(e => options.SessionSet.Issuers.Any(i => i.Name == e.Issuer && i.KeyFile is not null)).ToArray();
        var names = own.Length == 0 ? "none has an issuer with 'key'" : $"there are: {string.Join(", ", own.Select(e => e.Granted.Id))}";
        if (id is null) return own is [var only] ? only : throw new ConfigException($"expected the entry that the session is by; {names}");
        return own.FirstOrDefault(e => e.Granted.Id == id) ?? throw new ConfigException($"there is no session '{HostPort.Printable(id)}' that this gateway's key signs for; {names}");
    }

    // What the entry asks for and says itself need not be said again.
    private static Dictionary<string, string> ClaimsFor(SessionEntry entry, IReadOnlyDictionary<string, string> given)
    {
        var claims = entry.Match
            .Where(m => m.Values is [var value] && !m.Claim.StartsWith('/') && !value.Contains('*', StringComparison.Ordinal))
            .ToDictionary(m => m.Claim, m => m.Values[0]);
        foreach (var (name, value) in given)
        {
            if (MintedSession.OwnClaims.Contains(name)) throw new InvalidDataException($"the claim '{name}' is set by the gateway");
            claims[name] = value;
        }

        using var document = JsonDocument.Parse(JsonSerializer.Serialize(claims));
        if (entry.Match.FirstOrDefault(m => !m.Holds(document.RootElement)) is { } missing) throw new InvalidDataException($"the entry '{entry.Granted.Id}' wants the claim {missing.Text}");
        return claims;
    }
}
