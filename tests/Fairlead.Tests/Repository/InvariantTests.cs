using System.Text.RegularExpressions;

namespace Fairlead.Tests.Repository;

/// <summary>The invariants of docs/architecture.md and the promises of docs/threat-model.md name tests, and those exist.</summary>
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

    [Fact]
    public void Every_promise_of_the_threat_model_names_tests_that_exist()
    {
        var existing = RepositoryFiles.SourcesBelow("tests").SelectMany(TestsIn).ToHashSet();
        var promises = File.ReadLines(RepositoryFiles.PathOf("docs", "threat-model.md")).SkipWhile(line => line != "## Against whom")
            .Where(line => line.StartsWith("| ", StringComparison.Ordinal) && !line.StartsWith("| promised ", StringComparison.Ordinal))
            .Select(line => (Promise: line, Tests: NamedTest().Matches(line[line.LastIndexOf(" | ", StringComparison.Ordinal)..]).Select(m => m.Groups[1].Value).ToList()))
            .ToList();

        Assert.True(promises.Count > 20);
        Assert.All(promises, promise => Assert.NotEmpty(promise.Tests));
        Assert.DoesNotContain(promises.SelectMany(p => p.Tests), test => !existing.Contains(test));
    }

    private static IEnumerable<string> TestsIn(string path)
    {
        var code = File.ReadAllText(RepositoryFiles.PathOf(path));
        var type = Path.GetFileNameWithoutExtension(path);
        return TestMethod().Matches(code).Select(match => $"{type}.{match.Groups[1].Value}");
    }

    [GeneratedRegex(@"`(\w+\.\w+)`")]
    private static partial Regex NamedTest();

    // [Fact] or [Theory], further attributes and comments, and the method.
    [GeneratedRegex(@"\[(?:Fact|Theory)\b[^\n]*\n(?:\s*(?:\[|//)[^\n]*\n)*\s*(?:public|internal)\s[^\n(]*?(\w+)\(")]
    private static partial Regex TestMethod();
}
