using Fairlead.Gateway.Capture;
using Fairlead.Gateway.Credentials;
using Fairlead.Gateway.Policy;
using Fairlead.Wire;

namespace Fairlead.Gateway.Sessions;

/// <summary>Who is calling, and what was given to them.</summary>
/// <param name="Id">The session's id: the user of the second authentication, and its name in the audit.</param>
/// <param name="TokenHash">SHA-256 of the session token. The token itself is not kept.</param>
/// <param name="Policy">What it may ask for.</param>
/// <param name="Credentials">What is added to its requests.</param>
internal sealed record Session(string Id, byte[] TokenHash, RuleSet Policy, CredentialSet Credentials)
{
    /// <summary>The id of the entry of the configuration that it is by. For a session with a token of its own there, the session's id.</summary>
    public string Entry { get; init; } = Id;

    /// <summary>The id of the session that it is a child of, and its own where it is none: whoever it counts for.</summary>
    public string Root { get; init; } = Id;

    public SessionLimits Limits { get; init; } = SessionLimits.None;

    /// <summary>What is kept of its requests besides their records; null for nothing.</summary>
    public CaptureOptions? Capture { get; init; }

    /// <summary>What the parents of a child token left to it: each must allow a request, besides the policy.</summary>
    public IReadOnlyList<RuleSet> Narrowed { get; init; } = [];

    /// <summary>The decision to pass the TLS of a tunnel through unopened, or null. A child token's rules are about requests, so somebody must see those.</summary>
    public Decision? PassesThrough(HostPort destination) => Narrowed.Count > 0 ? null : PassthroughJudgement.Of(Policy, destination)?.Allowed;

    /// <summary>The policy's decision, unless a child token has less.</summary>
    public Decision Decide(in RequestFacts facts)
    {
        var decision = Policy.Decide(facts);
        if (!decision.LetsPass) return decision;
        foreach (var narrowed in Narrowed)
        {
            if (narrowed.Decide(facts) is { LetsPass: false } denied) return denied;
        }

        return decision;
    }
}
