using System.Diagnostics.CodeAnalysis;
using Fairlead.Wire;

namespace Fairlead.Gateway.Policy;

/// <summary>One line of a policy: <c>allow GET,POST api.example.com/v1/**</c>. In place of the host <c>@name</c> stands for a set of hosts. Without a path every path is meant, with <c>*</c> every method.</summary>
internal sealed class Rule
{
    private readonly string[] _methods;

    private Rule(string text, Verdict verdict, string[] methods, IReadOnlyList<HostPattern> hosts, PathPattern path) =>
        (Text, Verdict, _methods, Hosts, Path) = (text, verdict, methods, hosts, path);

    private Rule(Rule rule, IReadOnlyList<Condition> conditions)
        : this($"{rule.Text} when {string.Join("; ", conditions.Select(c => c.Text))}", rule.Verdict, rule._methods, rule.Hosts, rule.Path) => Conditions = conditions;

    /// <summary>The rule as its author wrote it, with single blanks; also its name in the audit and in denials.</summary>
    public string Text { get; }

    public Verdict Verdict { get; }

    /// <summary>One, or those of a named set.</summary>
    public IReadOnlyList<HostPattern> Hosts { get; }

    public PathPattern Path { get; }

    /// <summary>All must hold for the rule to be about a request.</summary>
    public IReadOnlyList<Condition> Conditions { get; private init; } = [];

    /// <summary>True when every request to its hosts is meant.</summary>
    public bool IsAboutEverything => _methods.Length == 0 && Conditions.Count == 0 && Path.IsEveryPath;

    /// <summary>A rule for every method and path of some hosts that no line names.</summary>
    /// <param name="name">Stands for the line in the audit and in denials.</param>
    /// <param name="hosts">The hosts.</param>
    public static Rule AllowAll(string name, IReadOnlyList<HostPattern> hosts)
    {
        _ = PathPattern.TryParse("/**", out var everyPath, out _);
        return new Rule(name, Verdict.Allow, [], hosts, everyPath!);
    }

    /// <param name="text">One line.</param>
    /// <param name="sets">Named sets of hosts, which a rule names as <c>@name</c>.</param>
    /// <param name="rule">The rule.</param>
    /// <param name="problem">What was expected and what came.</param>
    public static bool TryParse(
        string text, IReadOnlyDictionary<string, IReadOnlyList<HostPattern>> sets, [NotNullWhen(true)] out Rule? rule, [NotNullWhen(false)] out string? problem)
    {
        rule = null;
        var words = text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        if (words.Length != 3) return Fail(out problem, $"expected 'allow|deny METHODS host[:port][/path]', got '{HostPort.Printable(text)}'");
        if (words[0] is not ("allow" or "deny")) return Fail(out problem, $"expected 'allow' or 'deny', got '{HostPort.Printable(words[0])}'");

        var methods = words[1] == "*" ? [] : words[1].Split(',');
        foreach (var method in methods)
        {
            if (!IsMethod(method))
                return Fail(out problem, $"expected '*' or methods such as 'GET,POST', in capitals, got '{HostPort.Printable(words[1])}'");
        }

        if (!words[2].All(c => c is > ' ' and <= '~')) return Fail(out problem, $"expected visible ASCII, got '{HostPort.Printable(words[2])}'");
        var slash = words[2].IndexOf('/', StringComparison.Ordinal);
        if (!TryParseHosts(slash < 0 ? words[2] : words[2][..slash], sets, out var hosts, out problem)) return false;
        if (!PathPattern.TryParse(slash < 0 ? "/**" : words[2][slash..], out var path, out problem)) return false;
        rule = new Rule(string.Join(' ', words), words[0] == "allow" ? Verdict.Allow : Verdict.Deny, methods, hosts, path);
        problem = null;
        return true;
    }

    /// <summary>True for a method that a rule can name.</summary>
    public static bool IsMethod(string method) => method.Length > 0 && method.All(c => char.IsAsciiLetterUpper(c) || c is '-' or '_');

    /// <summary>The same rule under conditions.</summary>
    public Rule When(IReadOnlyList<Condition> conditions) => new(this, conditions);

    /// <summary>The same rule, with where it came from behind its text.</summary>
    public Rule From(string source) => new($"{Text} ({source})", Verdict, _methods, Hosts, Path) { Conditions = Conditions };

    /// <summary>True when the conditions hold, as far as this rule's verdict demands: what cannot be found out never helps a request.</summary>
    public bool AppliesTo(RequestDetails? details)
    {
        foreach (var condition in Conditions)
        {
            if (!((details is null ? null : condition.Holds(details)) ?? Verdict == Verdict.Deny)) return false;
        }

        return true;
    }

    /// <summary>True when the rule names the method.</summary>
    public bool IsAbout(string method) => _methods.Length == 0 || Array.IndexOf(_methods, method) >= 0;

    /// <summary>True when one of its hosts is this one, whatever the rest of the rule says.</summary>
    public bool IsAboutHost(HostPort destination) => Hosts.Any(h => h.Matches(destination));

    /// <summary>True when it allows every request to its hosts: any method and path, under no condition.</summary>
    public bool AllowsEverything => Verdict == Verdict.Allow && IsAboutEverything;

    /// <summary>True when this rule is surely about every request that the other is about.</summary>
    public bool Covers(Rule other) =>
        Conditions.Count == 0
        && (_methods.Length == 0 || (other._methods.Length > 0 && other._methods.All(IsAbout)))
        && other.Hosts.All(theirs => Hosts.Any(mine => mine.Covers(theirs)))
        && Path.Covers(other.Path);

    private static bool TryParseHosts(
        string text,
        IReadOnlyDictionary<string, IReadOnlyList<HostPattern>> sets,
        [NotNullWhen(true)] out IReadOnlyList<HostPattern>? hosts,
        [NotNullWhen(false)] out string? problem)
    {
        hosts = null;
        if (!text.StartsWith('@'))
        {
            if (HostPattern.TryParse(text, out var host, out problem)) hosts = [host];
            return hosts is not null;
        }

        problem = null;
        return sets.TryGetValue(text[1..], out hosts) || Fail(out problem, $"there is no host set '{HostPort.Printable(text)}'; host_sets defines {(sets.Count == 0 ? "none" : string.Join(", ", sets.Keys.Select(k => '@' + k)))}");
    }

    private static bool Fail([NotNullWhen(false)] out string? problem, string text)
    {
        problem = text;
        return false;
    }
}
