namespace Fairlead.Tests.Repository;

/// <summary>What docs/architecture.md promises, as data.</summary>
internal static class ArchitecturePage
{
    /// <summary>The rooms by their path below src without "Fairlead.", and what each may use.</summary>
    public static IReadOnlyDictionary<string, string[]> Dependencies { get; } = TableBelow("Who may depend on whom")
        .ToDictionary(row => row[0], row => row[1].Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries), StringComparer.Ordinal);

    /// <summary>The names of tests, as Class.Method, by the number of their invariant.</summary>
    public static IReadOnlyDictionary<string, string[]> InvariantTests { get; } = TableBelow("Invariants")
        .ToDictionary(row => row[0], row => row[2].Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(name => name.Trim('`')).ToArray(), StringComparer.Ordinal);

    private static List<string[]> TableBelow(string heading)
    {
        var rows = File.ReadLines(RepositoryFiles.PathOf("docs", "architecture.md"))
            .SkipWhile(line => line != $"## {heading}")
            .Skip(1)
            .TakeWhile(line => !line.StartsWith("## ", StringComparison.Ordinal))
            .Where(line => line.StartsWith('|'))
            .Skip(2) // the header and its line
            .Select(line => line[1..line.LastIndexOf('|')].Split('|', StringSplitOptions.TrimEntries))
            .ToList();
        return rows.Count > 0 ? rows : throw new InvalidOperationException($"Expected a table below '{heading}' in docs/architecture.md.");
    }
}
