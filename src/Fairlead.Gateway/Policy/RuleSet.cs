namespace Fairlead.Gateway.Policy;

/// <summary>One named policy: from the facts of a request to a decision, and nothing else. Deny wins over allow, whatever the order; where nothing matches, the default decides.</summary>
/// <param name="name">The policy's name in the configuration.</param>
/// <param name="mode">What a denial does.</param>
/// <param name="fallback">The verdict where no rule matches.</param>
/// <param name="rules">In the order of the file; the first that matches gives its name to the decision.</param>
internal sealed class RuleSet(string name, PolicyMode mode, Verdict fallback, IReadOnlyList<Rule> rules)
{
    private static readonly Decision OpenDecision = new(Verdict.Allow, false, "mode: open", "The policy is open: no rule was asked.");

    private readonly Decision _default = new(
        fallback, mode == PolicyMode.Enforce, fallback == Verdict.Deny ? "default: deny" : "default: allow", $"No rule of policy '{name}' matches.");

    public string Name => name;

    public PolicyMode Mode => mode;

    public Decision Decide(in RequestFacts facts)
    {
        if (mode == PolicyMode.Open) return OpenDecision;
        var readings = PathReadings.Of(facts.Path);
        foreach (var rule in rules)
        {
            if (rule.Verdict != Verdict.Deny) continue;
            foreach (var reading in readings)
            {
                if (rule.Matches(facts, reading)) return Decided(rule, reading, facts.Path);
            }
        }

        // Every reading must be allowed; the decision carries the rule that allowed the first.
        Decision? allowed = null;
        foreach (var reading in readings)
        {
            var rule = FirstAllow(facts, reading);
            if (rule is null && fallback == Verdict.Deny) return allowed is null ? _default : Ambiguous(reading);
            if (rule is not null) allowed ??= Decided(rule, reading, facts.Path);
        }

        return allowed ?? _default;
    }

    private Rule? FirstAllow(in RequestFacts facts, string reading)
    {
        foreach (var rule in rules)
        {
            if (rule.Verdict == Verdict.Allow && rule.Matches(facts, reading)) return rule;
        }

        return null;
    }

    private Decision Decided(Rule rule, string reading, string path) => new(
        rule.Verdict,
        mode == PolicyMode.Enforce,
        rule.Text,
        reading == path ? $"A rule of policy '{name}' matches." : $"A rule of policy '{name}' matches the path read as '{Wire.HostPort.Printable(reading)}'.");

    private Decision Ambiguous(string reading) => _default with
    {
        Reason = $"The path can also be read as '{Wire.HostPort.Printable(reading)}', which no rule of policy '{name}' allows.",
    };
}
