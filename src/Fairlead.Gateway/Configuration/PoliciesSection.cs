using Fairlead.Gateway.Policy;
using Fairlead.Wire;
using YamlDotNet.RepresentationModel;

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

    public static Dictionary<string, PolicyDefinition> Read(ConfigNode node, IReadOnlyDictionary<string, IReadOnlyList<HostPattern>> sets, ConfigContext context)
    {
        var policies = new Dictionary<string, PolicyDefinition>();
        foreach (var (name, value) in node.Entries())
        {
            var fields = value.Closed("mode", "default", "from", "presets", "rules", "allow_addresses", "tls");
            var mode = fields.Has("mode", out var modeNode) ? modeNode.OneOf("enforce", "observe", "open") : "enforce";
            var fallback = fields.Has("default", out var defaultNode) ? defaultNode.OneOf("deny", "allow") : "deny";
            var isFromCredentials = fields.Has("from", out var from) && from.OneOf("credentials").Length > 0;
            policies[name] = new PolicyDefinition(
                name,
                mode switch { "observe" => PolicyMode.Observe, "open" => PolicyMode.Open, _ => PolicyMode.Enforce },
                fallback == "allow" ? Verdict.Allow : Verdict.Deny,
                [.. fields.Has("rules", out var rules) ? ReadRules(rules, sets, context) : [], .. fields.Has("presets", out var presets) ? presets.Items().SelectMany(ReadPreset) : []],
                isFromCredentials)
            {
                Addresses = fields.Has("allow_addresses", out var addresses) ? ReachSection.ReadAddresses(addresses) : AddressExceptions.None,
                Passthrough = fields.Has("tls", out var tls) ? ReachSection.ReadPassthrough(tls, context) : [],
            };
        }

        return policies;
    }

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

    // A name, or a name with the hosts that it wants: { use: npm, registry: npm.example.com }.
    private static IReadOnlyList<Rule> ReadPreset(ConfigNode item)
    {
        var isMapping = item.Node is YamlMappingNode;
        var entries = isMapping ? item.Entries() : [];
        var nameNode = isMapping ? entries.FirstOrDefault(e => e.Key == "use").Value ?? item : item;
        if (isMapping && nameNode == item)
        {
            item.Fail("'use' is missing: which preset?");
            return [];
        }

        var name = nameNode.Text();
        if (name.Length == 0) return [];
        if (Presets.All.FirstOrDefault(p => p.Name == name) is not { } preset)
        {
            nameNode.Fail($"there is no preset '{HostPort.Printable(name)}'; did you mean '{ConfigErrors.Nearest(name, Presets.All.Select(p => p.Name))}'? `fairlead-gateway policy presets` lists them");
            return [];
        }

        var hosts = new Dictionary<string, string>();
        if (isMapping)
        {
            var fields = item.Closed(["use", .. preset.Parameters.Select(p => p.TrimEnd('?'))]);
            foreach (var parameter in preset.Parameters.Select(p => p.TrimEnd('?')))
            {
                if (!fields.Has(parameter, out var value) || value.Text() is not { Length: > 0 } host) continue;
                if (HostPort.TryParse(host, defaultPort: 443, out _, out var fault)) hosts[parameter] = host;
                else value.Fail($"expected a host: {fault}");
            }
        }

        var given = isMapping ? entries.Select(e => e.Key).ToArray() : [];
        string[] missing = [.. preset.Parameters.Where(p => !p.EndsWith('?') && !given.Contains(p))];
        if (missing.Length > 0)
        {
            item.Fail($"the preset '{name}' needs the host of its {string.Join(" and ", missing)}: {{ use: {name}, {string.Join(", ", missing.Select(m => $"{m}: HOST"))} }}");
            return [];
        }

        var rules = preset.Expand(hosts, out var problem);
        if (problem is not null) item.Fail(problem);
        return rules;
    }

    private static List<Rule> ReadRules(ConfigNode node, IReadOnlyDictionary<string, IReadOnlyList<HostPattern>> sets, ConfigContext context)
    {
        var rules = new List<Rule>();
        foreach (var item in node.Items())
        {
            // A line, or a line under conditions: { rule: LINE, when: { … } }.
            var fields = item.Node is YamlMappingNode ? item.Closed("rule", "when") : null;
            var line = fields?.Required("rule") ?? item;
            var text = line.Text();
            var conditions = fields is null ? [] : ConditionReader.Read(fields.Required("when"));
            if (text.Length == 0) continue;
            if (!Rule.TryParse(text, sets, out var rule, out var problem)) line.Fail(problem);
            else rules.Add(conditions.Count == 0 ? rule : rule.When(conditions));
            if (rule?.Hosts.Any(h => h is { Wildcard: HostWildcard.None, Name: Protocol.SelfTestHost }) == true)
                context.Warnings.Add($"{item.Path}: a rule about {Protocol.SelfTestHost} has no effect: the gateway answers that host itself, for every session");
        }

        return rules;
    }
}
