using Fairlead.Gateway.Identity;
using Fairlead.Gateway.Policy;

namespace Fairlead.Gateway.Sessions;

/// <summary>An entry of the configuration for sessions that an issuer vouches for: as many as there are subjects of tokens.</summary>
/// <param name="Granted">What each is given. Its id is the entry's.</param>
/// <param name="Issuer">The issuer's name.</param>
/// <param name="Match">All must hold.</param>
/// <param name="Lifetime">How long a session lasts from its first tunnel; null: until its token expires.</param>
internal sealed record SessionEntry(Session Granted, string Issuer, IReadOnlyList<ClaimCondition> Match, TimeSpan? Lifetime)
{
    /// <summary>Rules of one child token: 64 at most, since whoever holds a token makes as many children as it likes.</summary>
    public const int MaxRules = 64;

    // Between the id of a session and that of its child. No subject may have it, so that no child can take the id of another session.
    private const char ChildMark = '~';
    private const int MaxIdLength = 512;
    private const int MaxChildIdLength = 64;
    private static readonly Dictionary<string, IReadOnlyList<HostPattern>> NoSets = [];

    /// <summary>True when the entry is about the token.</summary>
    public bool IsFor(VerifiedToken token) => token.Issuer == Issuer && Match.All(m => m.Holds(token.Claims));

    /// <summary>What the child tokens leave, one policy for each.</summary>
    /// <returns>Null, or what is wrong with them.</returns>
    public static string? TryNarrow(VerifiedToken token, out IReadOnlyList<RuleSet> narrowed)
    {
        narrowed = [];
        foreach (var child in token.Children)
        {
            if (child.Id.Length > MaxChildIdLength || !child.Id.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_')) return $"the id ('jti') of a child token: expected letters, digits, '-' and '_', {MaxChildIdLength} at most";
            if (child.Rules.Count > MaxRules) return $"a child token has {child.Rules.Count} rules, {MaxRules} are the most";
            var rules = new List<Rule>();
            foreach (var line in child.Rules)
            {
                if (!Rule.TryParse(line, NoSets, out var rule, out var problem)) return $"a rule of the child token: {problem}";
                if (rule.Verdict != Verdict.Allow) return $"a rule of the child token: expected 'allow', got '{rule.Text}'";
                rules.Add(rule);
            }

            narrowed = [.. narrowed, new RuleSet($"child token {child.Id}", PolicyMode.Enforce, Verdict.Deny, rules)];
        }

        return null;
    }

    /// <summary>The session of a token that this entry is about.</summary>
    /// <param name="token">The token.</param>
    /// <param name="hash">SHA-256 of it.</param>
    /// <param name="narrowed">What its children leave.</param>
    /// <param name="lineage">The ids of the session and of those it is a child of, the oldest first.</param>
    /// <param name="session">The session.</param>
    /// <returns>Null, or why there can be none.</returns>
    public string? TryCreate(VerifiedToken token, byte[] hash, IReadOnlyList<RuleSet> narrowed, out IReadOnlyList<string> lineage, out Session? session)
    {
        session = null;
        List<string> ids = [$"{Granted.Id}/{token.Subject}"];
        lineage = ids;
        // It stands in records and logs, and whoever revokes it types it.
        if (ids[0].Length > MaxIdLength || ids[0].Any(c => c is <= ' ' or > '~' or ChildMark)) return $"its subject ('sub') is not visible ASCII without '{ChildMark}', of at most {MaxIdLength} characters";
        foreach (var child in token.Children) ids.Add($"{ids[^1]}{ChildMark}{child.Id}");
        session = Granted with { Id = ids[^1], Root = ids[0], TokenHash = hash, Entry = Granted.Id, Narrowed = narrowed };
        return null;
    }
}
