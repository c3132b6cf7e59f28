using System.Text.RegularExpressions;
using Fairlead.Gateway.Configuration;
using Fairlead.Tests.Gateway;

namespace Fairlead.Tests.Repository;

/// <summary>What the documentation shows can be used as it stands there.</summary>
public sealed partial class DocumentationTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public DocumentationTests()
    {
        Environment.SetEnvironmentVariable("DD_API_KEY", "FAKE-key");
        Environment.SetEnvironmentVariable("FAIRLEAD_TOKEN", "FAKE-token");
        _folder.Write("github.token", "FAKE-github");
    }

    [Theory]
    [InlineData("README.md")]
    [InlineData("docs/configuration.md")]
    public void A_configuration_that_a_page_shows_loads(string page)
    {
        var shown = YamlBlock().Matches(File.ReadAllText(RepositoryFiles.PathOf(page))).Select(block => block.Groups[1].Value).ToArray();

        Assert.NotEmpty(shown);
        Assert.All(shown, text => Assert.NotEmpty(ConfigFile.Load(_folder.Write("fairlead.yaml", text), local: null).Sessions));
    }

    [Fact]
    public void Links_between_pages_lead_somewhere()
    {
        var pages = Directory.EnumerateFiles(RepositoryFiles.Root, "*.md").Concat(Directory.EnumerateFiles(RepositoryFiles.PathOf("docs"), "*.md", SearchOption.AllDirectories));
        var broken = pages.SelectMany(page => Link().Matches(File.ReadAllText(page)).Select(link => (Page: page, Target: link.Groups[1].Value.Split('#')[0])))
            .Where(link => link.Target.Length > 0 && !Path.Exists(Path.Combine(Path.GetDirectoryName(link.Page)!, link.Target)));

        Assert.Empty(broken);
    }

    public void Dispose() => _folder.Dispose();

    [GeneratedRegex("```yaml\n(version: 1\n.*?)```", RegexOptions.Singleline)]
    private static partial Regex YamlBlock();

    [GeneratedRegex(@"\]\((?!https?:)([^)]+)\)")]
    private static partial Regex Link();
}
