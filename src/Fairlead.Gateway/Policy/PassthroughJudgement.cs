using Fairlead.Wire;

namespace Fairlead.Gateway.Policy;

/// <summary>
/// Whether the TLS of a tunnel is passed through unopened. The configuration names the host, and the policy must have nothing to look at: it lets every request
/// to the host pass, and no rule denies any. Else the tunnel is intercepted as usual, where each request is judged and a refusal can be explained.
/// </summary>
/// <param name="Allowed">The decision about the whole tunnel; null when it is intercepted.</param>
/// <param name="Why">One sentence for the person who wonders why.</param>
internal sealed record PassthroughJudgement(Decision? Allowed, string Why)
{
    /// <returns>Null when the policy does not name the host for it.</returns>
    public static PassthroughJudgement? Of(RuleSet policy, HostPort destination)
    {
        // The self-test is answered by the gateway itself, inside the TLS.
        if (destination.Host == Protocol.SelfTestHost || !policy.Passthrough.Any(h => h.Matches(destination))) return null;
        if (policy.Mode == PolicyMode.Open) return Passed("mode: open");
        // In mode observe as in enforce: a host that enforce would look into is looked into, so that the audit shows what would have been refused.
        if (policy.Rules.FirstOrDefault(r => r.Verdict == Verdict.Deny && r.IsAboutHost(destination)) is { } denying)
            return new PassthroughJudgement(null, $"It is intercepted all the same, since '{denying.Text}' may deny a request to it.");
        if (policy.Rules.FirstOrDefault(r => r.AllowsEverything && r.IsAboutHost(destination)) is { } allowing) return Passed(allowing.Text);
        return policy.Default == Verdict.Allow
            ? Passed("default: allow")
            : new PassthroughJudgement(null, "It is intercepted all the same, since no rule allows every method and path of it without conditions.");
    }

    private static PassthroughJudgement Passed(string rule) =>
        new(new Decision(Verdict.Allow, IsEnforced: true, rule, "The host is in 'passthrough', and the policy lets every request to it pass."), "Its TLS is passed through unopened.");
}
