using System.Globalization;
using Fairlead.Gateway.Policy;

namespace Fairlead.Gateway.Review;

/// <summary>
/// The rules that allow what was seen and little more. What looks like an identifier (a number, a UUID, a hash) becomes <c>*</c>, and so do segments
/// that take many values in one place; everything else stays literal. Each request that was seen is then asked of the result.
/// </summary>
internal static class LearnedPolicy
{
    // From so many values on a segment is taken for a variable one.
    private const int MaxLiterals = 8;

    /// <summary>Rules in the order of their hosts.</summary>
    /// <param name="seen">Requests; those that were refused should not be among them.</param>
    /// <param name="missed">Requests that no rule can express.</param>
    public static IReadOnlyList<string> From(IReadOnlyList<SeenRequest> seen, out IReadOnlyList<SeenRequest> missed)
    {
        var rules = new List<string>();
        // A workload chooses its paths: a '*' in one would allow more than was done.
        var sayable = seen.Where(s => Rule.IsMethod(s.Facts.Method) && !s.Facts.Path.Contains('*', StringComparison.Ordinal)).ToList();
        foreach (var host in sayable.GroupBy(s => s.Facts.Destination).OrderBy(g => g.Key.Host, StringComparer.Ordinal).ThenBy(g => g.Key.Port))
        {
            var root = new Node();
            // A path that servers read in several ways is allowed only if all of them are.
            foreach (var facts in host.Select(s => s.Facts))
            {
                foreach (var reading in PathReadings.IsPlain(facts.Path) ? [facts.Path] : PathReadings.Of(facts.Path)) root.Add(reading, facts.Method);
            }

            root.Generalise();
            var authority = host.Key.Port == 443 ? host.Key.UriHost : host.Key.ToString();
            rules.AddRange(root.Paths("").GroupBy(p => p.Path).OrderBy(g => g.Key, StringComparer.Ordinal)
                .Select(g => $"allow {string.Join(',', g.SelectMany(p => p.Methods).Distinct().Order(StringComparer.Ordinal))} {authority}{g.Key}"));
        }

        var none = new Dictionary<string, IReadOnlyList<HostPattern>>();
        var parsed = rules.Select(text => (Text: text, Rule: Rule.TryParse(text, none, out var rule, out _) ? rule : null)).Where(r => r.Rule is not null).ToList();
        var policy = new RuleSet("learned", PolicyMode.Enforce, Verdict.Deny, [.. parsed.Select(r => r.Rule!)]);
        missed = [.. seen.Except(sayable), .. sayable.Where(s => !policy.Decide(s.Facts).LetsPass)];
        return [.. parsed.Select(r => r.Text)];
    }

    private static bool IsIdentifier(string segment) =>
        segment.Length > 0
        && (segment.All(char.IsAsciiDigit)
            || Guid.TryParse(segment, CultureInfo.InvariantCulture, out _)
            || (segment.Length >= 7 && segment.All(char.IsAsciiHexDigit) && segment.Any(char.IsAsciiDigit))
            || (segment.Length >= 20 && segment.Any(char.IsAsciiDigit) && segment.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_')));

    /// <summary>The paths of one host, segment by segment.</summary>
    private sealed class Node
    {
        private readonly Dictionary<string, Node> _below = [];
        private readonly HashSet<string> _methods = [];

        public void Add(string path, string method)
        {
            var node = this;
            foreach (var segment in path[1..].Split('/'))
            {
                var name = IsIdentifier(segment) ? "*" : segment;
                if (!node._below.TryGetValue(name, out var next)) node._below[name] = next = new Node();
                node = next;
            }

            node._methods.Add(method);
        }

        public void Generalise()
        {
            if (_below.Count > MaxLiterals)
            {
                var any = new Node();
                foreach (var node in _below.Values) any.Merge(node);
                _below.Clear();
                _below["*"] = any;
            }

            foreach (var node in _below.Values) node.Generalise();
        }

        public IEnumerable<(string Path, IEnumerable<string> Methods)> Paths(string above)
        {
            if (_methods.Count > 0) yield return (above, _methods);
            foreach (var found in _below.SelectMany(b => b.Value.Paths($"{above}/{b.Key}"))) yield return found;
        }

        private void Merge(Node other)
        {
            _methods.UnionWith(other._methods);
            foreach (var (name, node) in other._below)
            {
                if (!_below.TryGetValue(name, out var mine)) _below[name] = mine = new Node();
                mine.Merge(node);
            }
        }
    }
}
