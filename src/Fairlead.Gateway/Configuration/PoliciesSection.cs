using Fairlead.Gateway.Policy;

namespace Fairlead.Gateway.Configuration;

/// <summary><c>policies</c>: who may ask for what.</summary>
internal static class PoliciesSection
{
    public static Dictionary<string, RuleSet> Read(ConfigNode node)
    {
        var policies = new Dictionary<string, RuleSet>();
        foreach (var (name, value) in node.Entries())
        {
            var fields = value.Closed("mode", "default", "rules");
            var mode = fields.Has("mode", out var modeNode) ? modeNode.OneOf("enforce", "observe", "open") : "enforce";
            var fallback = fields.Has("default", out var defaultNode) ? defaultNode.OneOf("deny", "allow") : "deny";
            var rules = new List<Rule>();
            if (fields.Has("rules", out var rulesNode))
            {
                foreach (var item in rulesNode.Items())
                {
                    var text = item.Text();
                    if (text.Length == 0) continue;
                    if (Rule.TryParse(text, out var rule, out var problem)) rules.Add(rule);
                    else item.Fail(problem);
                }
            }

            policies[name] = new RuleSet(
                name,
                mode switch { "observe" => PolicyMode.Observe, "open" => PolicyMode.Open, _ => PolicyMode.Enforce },
                fallback == "allow" ? Verdict.Allow : Verdict.Deny,
                rules);
        }

        return policies;
    }
}
