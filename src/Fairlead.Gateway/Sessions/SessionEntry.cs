using Fairlead.Gateway.Identity;
using Fairlead.Gateway.Policy;

namespace Fairlead.Gateway.Sessions;

/// <summary>An entry of the configuration for sessions that an issuer vouches for: as many as there are tokens.</summary>
/// <param name="Granted">What each is given. Its id is the entry's.</param>
/// <param name="Issuer">The issuer's name.</param>
/// <param name="Match">All must hold.</param>
/// <param name="Lifetime">How long a session lasts from its first tunnel; null: until its token expires.</param>
internal sealed record SessionEntry(Session Granted, string Issuer, IReadOnlyList<ClaimCondition> Match, TimeSpan? Lifetime)
{
    private const int MaxIdLength = 512;

    /// <summary>True when the entry is about the token.</summary>
    public bool IsFor(VerifiedToken token) => token.Issuer == Issuer && Match.All(m => m.Holds(token.Claims));

    /// <summary>The session of a token that this entry is about.</summary>
    /// <param name="token">The token.</param>
    /// <param name="hash">SHA-256 of it.</param>
    /// <param name="lineage">The ids of the session and of those it is a child of, the oldest first.</param>
    /// <param name="session">The session.</param>
    /// <returns>Null, or why there can be none.</returns>
    public string? TryCreate(VerifiedToken token, byte[] hash, out IReadOnlyList<string> lineage, out Session? session)
    {
        session = null;
        List<string> ids = [$"{Granted.Id}/{token.Subject}"];
        lineage = ids;
        var narrowed = new List<RuleSet>();
        foreach (var child in token.Children)
        {
            var rules = new List<Rule>();
            foreach (var line in child.Rules)
            {
                if (!Rule.TryParse(line, new Dictionary<string, IReadOnlyList<HostPattern>>(), out var rule, out var problem)) return $"a rule of the child token: {problem}";
                if (rule.Verdict != Verdict.Allow) return $"a rule of the child token: expected 'allow', got '{rule.Text}'";
                rules.Add(rule);
            }

            ids.Add($"{ids[^1]}/{child.Id}");
            narrowed.Add(new RuleSet($"child token {child.Id}", PolicyMode.Enforce, Verdict.Deny, rules));
        }

        // It stands in records and logs, and whoever revokes it types it.
        if (ids[^1].Length > MaxIdLength || ids[^1].Any(c => c is <= ' ' or > '~')) return $"its subject ('sub') is not visible ASCII of at most {MaxIdLength} characters";
        session = Granted with { Id = ids[^1], TokenHash = hash, Entry = Granted.Id, Narrowed = narrowed };
        return null;
    }
}
