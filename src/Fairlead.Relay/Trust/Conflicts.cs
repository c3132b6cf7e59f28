namespace Fairlead.Relay.Trust;

/// <summary>Finds the settings of the user's that win over the relay's.</summary>
internal static class Conflicts
{
    private const string Shell = "environment";

    /// <summary>Looks through the table. Only reads; a file that cannot be read is passed over.</summary>
    /// <param name="facts">The user's environment and home are in it.</param>
    public static IReadOnlyList<Conflict> Find(TrustFacts facts) =>
        [.. Tools.All.SelectMany(tool => tool.Conflicts.SelectMany(rule => Find(tool, rule, facts)))];

    private static IEnumerable<Conflict> Find(Tool tool, ConflictRule rule, TrustFacts facts)
    {
        if (rule.Files.Count == 0)
        {
            foreach (var (name, value) in facts.Environment)
            {
                if (value.Length > 0 && Names(rule, name, value, ignoreCase: false)) yield return new Conflict(tool.Name, Shell, name, rule.Consequence, rule.Remedy);
            }
        }

        foreach (var file in rule.Files.SelectMany(pattern => ConfigFiles.Matching(pattern, facts)).Distinct())
        {
            foreach (var setting in ConfigFiles.Read(file))
            {
                if (Names(rule, setting.Name, setting.Value, ignoreCase: true))
                    yield return new Conflict(tool.Name, $"{file}:{setting.Line}", setting.Name, rule.Consequence, rule.Remedy);
            }
        }
    }

    private static bool Names(ConflictRule rule, string name, string value, bool ignoreCase) =>
        rule.Keys.Any(key => System.IO.Enumeration.FileSystemName.MatchesSimpleExpression(key, key.Contains('=', StringComparison.Ordinal) ? $"{name}={value}" : name, ignoreCase));
}
