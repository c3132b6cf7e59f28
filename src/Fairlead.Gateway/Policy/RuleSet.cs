using System.Security.Cryptography;
using System.Text;
using Fairlead.Wire;

namespace Fairlead.Gateway.Policy;

/// <summary>One policy: from the facts of a request to a decision, and nothing else. Deny wins over allow, whatever the order; where nothing matches, the default decides.</summary>
internal sealed class RuleSet
{
    private static readonly Decision OpenDecision = new(Verdict.Allow, false, "mode: open", "The policy is open: no rule was asked.");

    private readonly IReadOnlyList<Rule> _rules;
    private readonly RuleIndex _denies;
    private readonly RuleIndex _allows;
    private readonly RuleIndex _conditional;
    private readonly RuleIndex _readsBody;
    private readonly HostIndex _allowedHosts;
    private readonly HostIndex _closedHosts;
    private readonly Decision[] _plain;
    private readonly Decision _default;

    /// <param name="name">The policy's name in the configuration.</param>
    /// <param name="mode">What a denial does.</param>
    /// <param name="fallback">The verdict where no rule matches.</param>
    /// <param name="rules">In the order of the file; the first that matches gives its name to the decision.</param>
    /// <param name="addresses">Which addresses besides public ones may be reached; null for none.</param>
    /// <param name="passthrough">Hosts whose TLS is not opened; null for none.</param>
    public RuleSet(
        string name, PolicyMode mode, Verdict fallback, IReadOnlyList<Rule> rules, AddressExceptions? addresses = null, IReadOnlyList<HostPattern>? passthrough = null)
    {
        (Name, Mode, _rules, Addresses, Passthrough) = (name, mode, rules, addresses ?? AddressExceptions.None, passthrough ?? []);
        var text = string.Join('\n', [$"{mode} {fallback}", .. rules.Select(r => $"{r.Text}\t{string.Join(' ', r.Hosts.Select(h => h.Text))}")]);
        // No rule has a line that begins like these.
        if (Addresses.Networks.Count > 0) text += $"\nallow_addresses {Addresses}";
        if (Passthrough.Count > 0) text += $"\npassthrough {string.Join(' ', Passthrough.Select(h => h.Text))}";
        Hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)).AsSpan(0, 8));
        // To many servers /Admin is /admin, and so is /admin/: a rule that denies one denies all, a rule that allows one allows that one.
        _denies = new RuleIndex(rules, r => r.Verdict == Verdict.Deny, isLenient: true);
        _allows = new RuleIndex(rules, r => r.Verdict == Verdict.Allow);
        _conditional = new RuleIndex(rules, r => r.Conditions.Count > 0, asksConditions: false, isLenient: true);
        _readsBody = new RuleIndex(rules, r => r.Conditions.Any(c => c.NeedsBody), asksConditions: false, isLenient: true);
        _allowedHosts = new HostIndex(rules.Where(r => r.Verdict == Verdict.Allow).SelectMany(r => r.Hosts));
        _closedHosts = new HostIndex(rules.Where(r => r.Verdict == Verdict.Deny && r.IsAboutEverything).SelectMany(r => r.Hosts));
        // Made once: a decision about a plain path allocates nothing.
        _plain = [.. rules.Select(rule => Decided(rule.Verdict, rule.Text, $"A rule of policy '{name}' matches."))];
        _default = Decided(fallback, fallback == Verdict.Deny ? "default: deny" : "default: allow", $"No rule of policy '{name}' matches.");
    }

    public string Name { get; }

    /// <summary>16 hexadecimal digits that differ when the mode, the default, a rule or anything else of it differs: which policy judged a request, years later.</summary>
    public string Hash { get; }

    public PolicyMode Mode { get; }

    /// <summary>Which addresses besides public ones may be reached.</summary>
    public AddressExceptions Addresses { get; }

    /// <summary>Hosts whose TLS is not opened, where <see cref="PassthroughJudgement"/> finds that nothing but the host decides.</summary>
    public IReadOnlyList<HostPattern> Passthrough { get; }

    /// <summary>The verdict where no rule matches.</summary>
    public Verdict Default => _default.Verdict;

    /// <summary>In the order in which they give their names to decisions.</summary>
    public IReadOnlyList<Rule> Rules => _rules;

    public Decision Decide(in RequestFacts facts)
    {
        if (Mode == PolicyMode.Open) return OpenDecision;
        if (!PathReadings.IsPlain(facts.Path)) return DecideReadings(facts);
        var found = _denies.Find(facts, facts.Path);
        if (found == RuleIndex.None) found = _allows.Find(facts, facts.Path);
        return found == RuleIndex.None ? _default : _plain[found];
    }

    /// <summary>True when some request there could pass: it is denied for sure only where nothing allows it, or a rule denies everything. Costs no more than the name has labels.</summary>
    public bool CouldAllow(HostPort destination) =>
        Mode != PolicyMode.Enforce || (!_closedHosts.Matches(destination) && (Default == Verdict.Allow || _allowedHosts.Matches(destination)));

    /// <summary>True when a rule that is about this method, host and path has a condition: without the request's details it cannot be judged for sure.</summary>
    public bool HasConditionsFor(in RequestFacts facts) => Mode != PolicyMode.Open && Finds(_conditional, facts);

    /// <summary>True when a rule that is about this method, host and path looks into the body.</summary>
    public bool NeedsBodyOf(in RequestFacts facts) => Mode != PolicyMode.Open && Finds(_readsBody, facts);

    private static bool Finds(RuleIndex index, in RequestFacts facts)
    {
        if (index.IsEmpty) return false;
        if (PathReadings.IsPlain(facts.Path)) return index.Find(facts, facts.Path) != RuleIndex.None;
        foreach (var reading in facts.Path.Length > PathReadings.MaxLength ? [] : PathReadings.Of(facts.Path))
        {
            if (index.Find(facts, reading) != RuleIndex.None) return true;
        }

        return false;
    }

    private Decision DecideReadings(in RequestFacts facts)
    {
        if (facts.Path.Length > PathReadings.MaxLength)
            return Decided(Verdict.Deny, "path: too long", $"The path has {facts.Path.Length} characters and can be read in several ways; policy '{Name}' judges such paths up to {PathReadings.MaxLength}.");
        var readings = PathReadings.Of(facts.Path);
        foreach (var reading in readings)
        {
            if (_denies.Find(facts, reading) is not RuleIndex.None and var denied) return Decided(_rules[denied], reading, facts.Path);
        }

        // Every reading must be allowed; the decision carries the rule that allowed the first.
        Decision? allowed = null;
        foreach (var reading in readings)
        {
            var found = _allows.Find(facts, reading);
            if (found == RuleIndex.None && _default.Verdict == Verdict.Deny) return allowed is null ? _default : Ambiguous(reading);
            if (found != RuleIndex.None) allowed ??= Decided(_rules[found], reading, facts.Path);
        }

        return allowed ?? _default;
    }

    private Decision Decided(Verdict verdict, string rule, string reason) => new(verdict, Mode == PolicyMode.Enforce, rule, reason);

    private Decision Decided(Rule rule, string reading, string path) => Decided(
        rule.Verdict,
        rule.Text,
        reading == path ? $"A rule of policy '{Name}' matches." : $"A rule of policy '{Name}' matches the path read as '{HostPort.Printable(reading)}'.");

    private Decision Ambiguous(string reading) => _default with
    {
        Reason = $"The path can also be read as '{HostPort.Printable(reading)}', which no rule of policy '{Name}' allows.",
    };
}
