using Fairlead.Gateway.Identity;

namespace Fairlead.Gateway.Sessions;

/// <summary>All who may connect, as one configuration has them.</summary>
/// <param name="Fixed">Sessions with a token of their own in the configuration.</param>
/// <param name="Entries">For tokens of issuers, in the order of the file: the first that a token matches is its.</param>
/// <param name="Issuers">Who may sign such tokens.</param>
/// <param name="Revoked">Ids of sessions, and of tokens (<c>jti</c>), that are refused all the same.</param>
internal sealed record SessionSet(IReadOnlyList<Session> Fixed, IReadOnlyList<SessionEntry> Entries, IReadOnlyList<TokenIssuer> Issuers, IReadOnlySet<string> Revoked)
{
    public SessionSet(IReadOnlyList<Session> fixedSessions)
        : this(fixedSessions, [], [], new HashSet<string>())
    {
    }
}
