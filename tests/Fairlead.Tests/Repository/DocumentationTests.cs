using System.Text.RegularExpressions;
using Fairlead.Gateway.Configuration;
using Fairlead.Gateway.Review;
using Fairlead.Tests.Gateway;
using Fairlead.Tests.Gateway.Identity;

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
        foreach (var token in (string[])["laptop", "cluster", "admin"]) _folder.Write($"{token}.token", $"FAKE-{token}");
        _folder.Write("orchestrator.jwks", new Signer().Jwks());
        using var ca = new OriginCa();
        _folder.Write("cluster-ca.crt", ca.Root.ExportCertificatePem());
    }

    [Theory]
    [InlineData("README.md")]
    [InlineData("docs/configuration.md")]
    [InlineData("docs/sessions.md")]
    [InlineData("docs/threat-model.md")]
    public void A_configuration_that_a_page_shows_loads(string page)
    {
        var shown = YamlBlock().Matches(File.ReadAllText(RepositoryFiles.PathOf(page))).Select(block => block.Groups[1].Value).ToArray();

        Assert.NotEmpty(shown);
        Assert.All(shown, text => Assert.NotEmpty(ConfigFile.Load(_folder.Write("fairlead.yaml", text), local: null).Sessions));
    }

    /// <summary>Without its secrets: the programs that it names are not on every machine.</summary>
    [Fact]
    public void The_credentials_that_a_page_shows_load()
    {
        var shown = YamlBlock().Matches(File.ReadAllText(RepositoryFiles.PathOf("docs/credentials.md"))).Select(block => block.Groups[1].Value);

        Assert.Equal([6, 1, 4], shown.Select(text => Assert.Single(ConfigFile.LoadForReview(_folder.Write("fairlead.yaml", text)).Sessions).Credentials.All.Count));
    }

    [Fact]
    public void The_credentials_that_sign_and_that_a_page_shows_load()
    {
        var shown = YamlBlock().Match(File.ReadAllText(RepositoryFiles.PathOf("docs/signing.md"))).Groups[1].Value;

        Assert.Equal(3, Assert.Single(ConfigFile.LoadForReview(_folder.Write("fairlead.yaml", shown)).Sessions).Credentials.All.Count);
    }

    [Fact]
    public void The_traces_that_a_page_shows_load()
    {
        var whole = YamlBlock().Match(File.ReadAllText(RepositoryFiles.PathOf("docs/configuration.md"))).Groups[1].Value;
        var lines = AnyYamlBlock().Match(File.ReadAllText(RepositoryFiles.PathOf("docs/telemetry.md"))).Groups[1].Value.TrimEnd().Split('\n');
        Assert.Equal(3, lines.Length);

        var options = ConfigFile.LoadForReview(_folder.Write("fairlead.yaml", whole.Replace("secrets:\n", lines[0] + "\n" + lines[1] + "\n", StringComparison.Ordinal) + lines[2]));

        Assert.Equal(("https://collector.example.com:4318/v1/traces", 0.1), (options.Traces!.Endpoint.ToString(), options.Traces.Sample));
    }

    [Fact]
    public void A_ca_that_a_page_shows_loads()
    {
        var whole = YamlBlock().Match(File.ReadAllText(RepositoryFiles.PathOf("docs/configuration.md"))).Groups[1].Value;
        var shown = CaBlock().Matches(File.ReadAllText(RepositoryFiles.PathOf("docs/ca.md"))).Select(block => block.Groups[1].Value).ToArray();

        Assert.Equal(5, shown.Length);
        Assert.All(shown, ca => Assert.NotEmpty(ConfigFile.LoadForReview(_folder.Write("fairlead.yaml", whole.Replace("ca: { directory: ./state/ca }\n", ca, StringComparison.Ordinal))).Sessions));
    }

    [Fact]
    public void The_README_shows_what_check_and_explain_say()
    {
        var page = File.ReadAllText(RepositoryFiles.PathOf("README.md"));
        _folder.Write("fairlead.yaml", YamlBlock().Match(page).Groups[1].Value);
        var options = ConfigFile.LoadForReview(_folder["fairlead.yaml"]);

        Assert.Empty(PolicyAdvice.For(options));
        var shown = Explained().Matches(page);
        Assert.Equal(2, shown.Count);
        Assert.All(shown, block =>
        {
            Assert.True(AskedRequest.TryParse(block.Groups[1].Value, block.Groups[2].Value, [], null, out var facts, out _));
            Assert.Equal(Explanation.Of(options.Sessions[0], facts).Text, block.Groups[3].Value);
        });
    }

    [Fact]
    public void The_cases_that_a_page_shows_hold()
    {
        _folder.Write("fairlead.yaml", YamlBlock().Match(File.ReadAllText(RepositoryFiles.PathOf("docs/configuration.md"))).Groups[1].Value);
        _folder.Write("cases.yaml", CasesBlock().Match(File.ReadAllText(RepositoryFiles.PathOf("docs/policy.md"))).Groups[1].Value);

        var (passed, failures) = PolicyCases.Run(_folder["cases.yaml"]);

        Assert.Empty(failures);
        Assert.Equal(2, passed);
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

    [GeneratedRegex("```yaml\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex AnyYamlBlock();

    [GeneratedRegex("```yaml\n(version: 1\n.*?)```", RegexOptions.Singleline)]
    private static partial Regex YamlBlock();

    [GeneratedRegex("```yaml\n(ca:.*?)```", RegexOptions.Singleline)]
    private static partial Regex CaBlock();

    [GeneratedRegex(@"\$ fairlead-gateway policy explain (\S+) (\S+)\n((?:(?!\$ |```).*\n)+)")]
    private static partial Regex Explained();

    [GeneratedRegex("```\n(config: .*?)```", RegexOptions.Singleline)]
    private static partial Regex CasesBlock();

    [GeneratedRegex(@"\]\((?!https?:)([^)]+)\)")]
    private static partial Regex Link();
}
