using System.IO.Enumeration;

namespace Fairlead.Relay.Trust;

/// <summary>Finds the settings of the user's that win over the relay's.</summary>
internal static class Conflicts
{
    /// <summary>Looks through the table. Only reads; a file that cannot be read is passed over.</summary>
    /// <param name="facts">The user's environment and home are in it.</param>
    public static IReadOnlyList<Conflict> Find(TrustFacts facts) =>
        [.. Tools.All.SelectMany(tool => tool.Conflicts.SelectMany(rule => rule.Files.Count == 0 ? InEnvironment(tool, rule, facts) : InFiles(tool, rule, facts)))];

    private static IEnumerable<Conflict> InEnvironment(Tool tool, ConflictRule rule, TrustFacts facts)
    {
        foreach (var key in rule.Keys)
        {
            if (key.Split('=', 2) is not [var name, .. var rest] || facts.Original(name) is not { } value) continue;
            // Where one relay's child starts another, the first one's options are no conflict: they are replaced.
            if (rest is [] || Matches(rest[0], JavaOptions.WithoutOurs(value), ignoreCase: false))
                yield return new Conflict(tool.Name, "environment", name, rule.Consequence, rule.Remedy);
        }
    }

    private static IEnumerable<Conflict> InFiles(Tool tool, ConflictRule rule, TrustFacts facts) =>
        from file in rule.Files.SelectMany(pattern => ConfigFiles.Matching(pattern, facts)).Distinct()
        from setting in ConfigFiles.Read(file)
        where rule.Keys.Any(key => Matches(key, key.Contains('=', StringComparison.Ordinal) ? $"{setting.Name}={setting.Value}" : setting.Name, ignoreCase: true))
        select new Conflict(tool.Name, $"{file}:{setting.Line}", WithoutSecrets(setting.Name), rule.Consequence, rule.Remedy);

    // A name of git's may hold a URL with a password, and what a file of properties has behind a colon is the value.
    private static string WithoutSecrets(string name)
    {
        var scheme = name.IndexOf("://", StringComparison.Ordinal);
        var colon = name.IndexOf(':', StringComparison.Ordinal);
        // "//host/:key" of npm and ":key" of gem have it in the name.
        if (scheme < 0) return colon > 0 && !name[..colon].Contains('/', StringComparison.Ordinal) ? name[..colon] : name;
        var at = name.LastIndexOf('@');
        return at < scheme ? name : $"{name[..(scheme + 3)]}***{name[at..]}";
    }

    private static bool Matches(string pattern, string text, bool ignoreCase) => FileSystemName.MatchesSimpleExpression(pattern, text, ignoreCase);
}
