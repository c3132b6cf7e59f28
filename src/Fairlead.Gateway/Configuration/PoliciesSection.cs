using Fairlead.Gateway.Policy;
using Fairlead.Wire;

namespace Fairlead.Gateway.Configuration;

/// <summary><c>host_sets</c> and <c>policies</c>: who may ask for what.</summary>
internal static class PoliciesSection
{
    public static Dictionary<string, IReadOnlyList<HostPattern>> ReadHostSets(ConfigNode node)
    {
        var sets = new Dictionary<string, IReadOnlyList<HostPattern>>();
        foreach (var (name, value) in node.Entries())
        {
            if (!name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_')) value.Fail("the name of a host set has letters, digits, '-' and '_'");
            sets[name] = ReadHosts(value);
            if (sets[name].Count == 0) value.Fail("the set names no host, so a rule with it would never match");
        }

        return sets;
    }

    public static Dictionary<string, PolicyDefinition> Read(ConfigNode node, IReadOnlyDictionary<string, IReadOnlyList<HostPattern>> sets)
    {
        var policies = new Dictionary<string, PolicyDefinition>();
        foreach (var (name, value) in node.Entries())
        {
            var fields = value.Closed("mode", "default", "from", "rules");
            var mode = fields.Has("mode", out var modeNode) ? modeNode.OneOf("enforce", "observe", "open") : "enforce";
            var fallback = fields.Has("default", out var defaultNode) ? defaultNode.OneOf("deny", "allow") : "deny";
            var isFromCredentials = fields.Has("from", out var from) && from.OneOf("credentials").Length > 0;
            policies[name] = new PolicyDefinition(
                name,
                mode switch { "observe" => PolicyMode.Observe, "open" => PolicyMode.Open, _ => PolicyMode.Enforce },
                fallback == "allow" ? Verdict.Allow : Verdict.Deny,
                fields.Has("rules", out var rules) ? ReadRules(rules, sets) : [],
                isFromCredentials);
        }

        return policies;
    }

    /// <summary>A sentence for each rule about the host that the gateway answers itself.</summary>
    public static IEnumerable<string> RulesWithoutEffect(IEnumerable<PolicyDefinition> policies) =>
        from policy in policies
        from rule in policy.Rules
        where rule.Hosts.All(host => host is { Wildcard: HostWildcard.None, Name: Protocol.SelfTestHost })
        select $"policies.{policy.Name}: the rule '{rule.Text}' has no effect: the gateway answers {Protocol.SelfTestHost} itself, for every session";

    /// <summary>Hosts of a credential or a set.</summary>
    /// <param name="node">The list.</param>
    /// <param name="whyNamed">What is wrong with "any host" here, or null where it may stand.</param>
    public static List<HostPattern> ReadHosts(ConfigNode node, string? whyNamed = null)
    {
        var hosts = new List<HostPattern>();
        foreach (var item in node.Items())
        {
            var text = item.Text();
            if (text.Length == 0) continue;
            if (!HostPattern.TryParse(text, out var pattern, out var problem)) item.Fail(problem);
            else if (pattern.IsAnyHost && whyNamed is not null) item.Fail(whyNamed);
            else hosts.Add(pattern);
        }

        return hosts;
    }

    private static List<Rule> ReadRules(ConfigNode node, IReadOnlyDictionary<string, IReadOnlyList<HostPattern>> sets)
    {
        var rules = new List<Rule>();
        foreach (var item in node.Items())
        {
            var text = item.Text();
            if (text.Length == 0) continue;
            if (Rule.TryParse(text, sets, out var rule, out var problem)) rules.Add(rule);
            else item.Fail(problem);
        }

        return rules;
    }
}
