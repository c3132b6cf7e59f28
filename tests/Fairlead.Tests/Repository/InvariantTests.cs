using System.Text.RegularExpressions;

namespace Fairlead.Tests.Repository;

/// <summary>The invariants of docs/architecture.md name tests, and those exist.</summary>
public sealed partial class InvariantTests
{
    [Fact]
    public void Every_test_that_an_invariant_names_exists()
    {
        var existing = RepositoryFiles.SourcesBelow("tests").SelectMany(TestsIn).ToHashSet();

        var missing = ArchitecturePage.InvariantTests.SelectMany(invariant => invariant.Value.Select(test => $"{invariant.Key}: {test}"))
            .Where(named => !existing.Contains(named[(named.IndexOf(' ', StringComparison.Ordinal) + 1)..]));

        Assert.Empty(missing);
        Assert.All(ArchitecturePage.InvariantTests, invariant => Assert.NotEmpty(invariant.Value));
    }

    private static IEnumerable<string> TestsIn(string path)
    {
        var code = File.ReadAllText(RepositoryFiles.PathOf(path));
        var type = Path.GetFileNameWithoutExtension(path);
        return TestMethod().Matches(code).Select(match => $"{type}.{match.Groups[1].Value}");
    }

    // [Fact] or [Theory], further attributes and comments, and the method.
    [GeneratedRegex(@"\[(?:Fact|Theory)\b[^\n]*\n(?:\s*(?:\[|//)[^\n]*\n)*\s*(?:public|internal)\s[^\n(]*?(\w+)\(")]
    private static partial Regex TestMethod();
}
