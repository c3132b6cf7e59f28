using System.Diagnostics.CodeAnalysis;
using Fairlead.Wire;

namespace Fairlead.Gateway.Policy;

/// <summary>One line of a policy: <c>allow GET,POST api.example.com/v1/**</c>. Without a path every path is meant, with <c>*</c> every method.</summary>
internal sealed class Rule
{
    private readonly string[] _methods;
    private readonly HostPattern _host;
    private readonly PathPattern _path;

    private Rule(string text, Verdict verdict, string[] methods, HostPattern host, PathPattern path) =>
        (Text, Verdict, _methods, _host, _path) = (text, verdict, methods, host, path);

    /// <summary>The rule as its author wrote it, with single blanks; also its name in the audit and in denials.</summary>
    public string Text { get; }

    public Verdict Verdict { get; }

    /// <summary>The one host that the rule is about, or null when it may be about several.</summary>
    public string? OnlyHost => _host.OnlyHost;

    public static bool TryParse(string text, [NotNullWhen(true)] out Rule? rule, [NotNullWhen(false)] out string? problem)
    {
        rule = null;
        var words = text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        if (words.Length != 3) return Fail(out problem, $"expected 'allow|deny METHODS host[:port][/path]', got '{HostPort.Printable(text)}'");
        if (words[0] is not ("allow" or "deny")) return Fail(out problem, $"expected 'allow' or 'deny', got '{HostPort.Printable(words[0])}'");

        var methods = words[1] == "*" ? [] : words[1].Split(',');
        foreach (var method in methods)
        {
            if (method.Length == 0 || !method.All(c => char.IsAsciiLetterUpper(c) || c is '-' or '_'))
                return Fail(out problem, $"expected '*' or methods such as 'GET,POST', in capitals, got '{HostPort.Printable(words[1])}'");
        }

        if (!words[2].All(c => c is > ' ' and <= '~')) return Fail(out problem, $"expected visible ASCII, got '{HostPort.Printable(words[2])}'");
        var slash = words[2].IndexOf('/', StringComparison.Ordinal);
        if (!HostPattern.TryParse(slash < 0 ? words[2] : words[2][..slash], out var host, out problem)) return false;
        if (!PathPattern.TryParse(slash < 0 ? "/**" : words[2][slash..], out var path, out problem)) return false;
        rule = new Rule(string.Join(' ', words), words[0] == "allow" ? Verdict.Allow : Verdict.Deny, methods, host, path);
        problem = null;
        return true;
    }

    /// <summary>True when the rule is about this method, host and reading of the path.</summary>
    public bool Matches(in RequestFacts facts, string pathReading) =>
        (_methods.Length == 0 || _methods.Contains(facts.Method)) && _host.Matches(facts.Destination) && _path.Matches(pathReading);

    private static bool Fail([NotNullWhen(false)] out string? problem, string text)
    {
        problem = text;
        return false;
    }
}
