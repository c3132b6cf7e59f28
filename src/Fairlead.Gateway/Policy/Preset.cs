namespace Fairlead.Gateway.Policy;

/// <summary>Rules for a service that everybody would write alike, and would forget a host of: tools fetch from more hosts than their documentation names.</summary>
/// <param name="Name">As a policy names it.</param>
/// <param name="About">One line for a list.</param>
/// <param name="Parameters">Hosts that the policy must give; a name with '?' may be left away, and then its rules are, too.</param>
/// <param name="Rules">Lines in which <c>{parameter}</c> stands for a host.</param>
internal sealed record Preset(string Name, string About, IReadOnlyList<string> Parameters, IReadOnlyList<Preset.Line> Rules)
{
    /// <summary>One rule of a preset.</summary>
    /// <param name="Text">As in the configuration.</param>
    /// <param name="When">Its condition, or null.</param>
    internal sealed record Line(string Text, Condition? When = null)
    {
        public static implicit operator Line(string text) => new(text);
    }

    /// <summary>The rules for the hosts that a policy gave.</summary>
    /// <param name="hosts">By parameter.</param>
    /// <param name="problem">What is wrong with a host, or null.</param>
    public IReadOnlyList<Rule> Expand(IReadOnlyDictionary<string, string> hosts, out string? problem)
    {
        problem = null;
        var rules = new List<Rule>();
        foreach (var line in Rules)
        {
            var text = line.Text;
            foreach (var (name, host) in hosts) text = text.Replace($"{{{name}}}", host, StringComparison.Ordinal);
            // What is left is an optional host that was not given.
            if (text.Contains('{', StringComparison.Ordinal)) continue;
            if (!Rule.TryParse(text, NoSets, out var rule, out problem)) return [];
            rules.Add((line.When is null ? rule : rule.When([line.When])).From($"preset {Name}"));
        }

        return rules;
    }

    private static readonly Dictionary<string, IReadOnlyList<HostPattern>> NoSets = [];
}
