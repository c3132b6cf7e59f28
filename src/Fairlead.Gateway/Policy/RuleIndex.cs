namespace Fairlead.Gateway.Policy;

/// <summary>
/// Rules of one kind, found by host and then by the literal beginning of their path, so that a decision costs as much as the request is
/// long and not as the policy is. It answers as a search from the first rule to the last would; nothing is allocated.
/// </summary>
internal sealed class RuleIndex
{
    /// <summary>No rule matches.</summary>
    public const int None = int.MaxValue;

    private readonly Dictionary<string, PathNode> _exact = [];
    private readonly Dictionary<string, PathNode> _oneLabel = [];
    private readonly Dictionary<string, PathNode> _labels = [];
    private readonly PathNode _any;

    private readonly bool _asksConditions;
    private readonly bool _isLenient;

    /// <param name="rules">In the order of the policy.</param>
    /// <param name="isIndexed">Which of them are indexed.</param>
    /// <param name="asksConditions">False to find a rule whether or not its conditions hold.</param>
    /// <param name="isLenient">True to compare paths without regard to case and to what <see cref="PathPattern.Trim"/> takes away, as many servers do.</param>
    public RuleIndex(IReadOnlyList<Rule> rules, Func<Rule, bool> isIndexed, bool asksConditions = true, bool isLenient = false)
    {
        (_asksConditions, _isLenient, _any) = (asksConditions, isLenient, new PathNode(isLenient));
        for (var i = 0; i < rules.Count; i++)
        {
            if (!isIndexed(rules[i])) continue;
            IsEmpty = false;
            foreach (var host in rules[i].Hosts) NodeOf(host).Add(new Entry(i, rules[i], host));
        }
    }

    private readonly record struct Entry(int Order, Rule Rule, HostPattern Host);

    public bool IsEmpty { get; } = true;

    /// <summary>The number of the first rule that is about these facts, or <see cref="None"/>.</summary>
    /// <param name="facts">The request.</param>
    /// <param name="reading">One reading of its path.</param>
    public int Find(in RequestFacts facts, string reading)
    {
        var first = FindExactly(facts, reading);
        // Both are looked for, since "/a/*" means "/a/" and not "/a".
        if (_isLenient && PathPattern.Trim(reading) is var trimmed && trimmed.Length < reading.Length) first = Math.Min(first, FindExactly(facts, trimmed));
        return first;
    }

    private int FindExactly(in RequestFacts facts, string reading)
    {
        var first = None;
        var host = facts.Destination.Host;
        if (_exact.TryGetValue(host, out var node)) node.Find(facts, reading, _asksConditions, ref first);
        _any.Find(facts, reading, _asksConditions, ref first);
        // An address has no labels.
        if (facts.Destination.Address is not null || _oneLabel.Count + _labels.Count == 0) return first;
        var (oneLabel, labels) = (_oneLabel.GetAlternateLookup<ReadOnlySpan<char>>(), _labels.GetAlternateLookup<ReadOnlySpan<char>>());
        var dot = host.IndexOf('.', StringComparison.Ordinal);
        if (dot >= 0 && oneLabel.TryGetValue(host.AsSpan(dot + 1), out node)) node.Find(facts, reading, _asksConditions, ref first);
        for (; dot >= 0; dot = host.IndexOf('.', dot + 1))
        {
            if (labels.TryGetValue(host.AsSpan(dot + 1), out node)) node.Find(facts, reading, _asksConditions, ref first);
        }

        return first;
    }

    private PathNode NodeOf(HostPattern host)
    {
        if (host.IsAnyHost) return _any;
        var table = host.Wildcard switch { HostWildcard.None => _exact, HostWildcard.OneLabel => _oneLabel, _ => _labels };
        if (!table.TryGetValue(host.Name, out var node)) table[host.Name] = node = new PathNode(_isLenient);
        return node;
    }

    /// <summary>The rules whose path begins with the same literal segments, and those that go on below.</summary>
    private sealed class PathNode(bool isLenient)
    {
        private readonly List<Entry> _here = [];
        private Dictionary<string, PathNode>? _below;

        public void Add(Entry entry)
        {
            var node = this;
            foreach (var segment in (isLenient ? entry.Rule.Path.Trimmed() : entry.Rule.Path).LiteralSegments)
            {
                node._below ??= new(isLenient ? StringComparer.OrdinalIgnoreCase : StringComparer.Ordinal);
                if (!node._below.TryGetValue(segment, out var next)) node._below[segment] = next = new PathNode(isLenient);
                node = next;
            }

            node._here.Add(entry);
        }

        public void Find(in RequestFacts facts, string reading, bool asksConditions, ref int first)
        {
            // A path begins with '/', and so do its segments.
            for (var (node, start) = (this, 1); ;)
            {
                node.FindHere(facts, reading, asksConditions, ref first);
                if (node._below is null || start > reading.Length) return;
                var slash = reading.IndexOf('/', start);
                var end = slash < 0 ? reading.Length : slash;
                if (!node._below.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(reading.AsSpan(start, end - start), out node!)) return;
                start = end + 1;
            }
        }

        private void FindHere(in RequestFacts facts, string reading, bool asksConditions, ref int first)
        {
            foreach (var entry in _here)
            {
                if (entry.Order >= first) return;
                if (entry.Host.Port != facts.Destination.Port || !entry.Rule.IsAbout(facts.Method) || !Matches(entry.Rule.Path, reading)) continue;
                if (!asksConditions || entry.Rule.AppliesTo(facts.Details)) first = entry.Order;
            }
        }

        private bool Matches(PathPattern path, string reading) =>
            path.Matches(reading, isLenient) || (isLenient && path.Trimmed() != path && path.Trimmed().Matches(reading, ignoresCase: true));
    }
}
