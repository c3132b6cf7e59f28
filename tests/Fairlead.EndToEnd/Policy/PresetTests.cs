using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Policy;

/// <summary>Presets of services with the tools that use them. (Those of package managers let the tools of the matrix in.)</summary>
public sealed class PresetTests
{
    [Fact]
    public async Task Git_clones_by_github_read_and_pushes_by_github_write_only()
    {
        await using var site = await Site.StartAsync(Options("github-read"));
        await GitAsync(site, "init", "--quiet", "--bare", "--initial-branch=main", "acme/web.git");
        await GitAsync(site, "-C", "acme/web.git", "config", "http.receivepack", "true");
        var clone = site.Folder.File("clone");
        (await site.RunAsync("git", "clone", "--quiet", "https://github.com/acme/web.git", clone)).Succeeded();
        (await site.RunAsync("git", "-C", clone, "-c", "user.name=t", "-c", "user.email=t@origin.test", "commit", "--quiet", "--allow-empty", "-m", "One")).Succeeded();

        var refused = await site.RunAsync("git", "-C", clone, "push", "--quiet", "origin", "HEAD:main");

        Assert.Contains("403", refused.Failed().Stderr, StringComparison.Ordinal);
        site.Edit(text => text.Replace("presets: [github-read]", "presets: [github-write]", StringComparison.Ordinal));
        var limit = Limits.Token();
        while ((await site.RunAsync("git", "-C", clone, "push", "--quiet", "origin", "HEAD:main")).ExitCode != 0) await Task.Delay(Limits.Poll, limit);
    }

    [Fact]
    public async Task GraphQl_of_github_read_asks_and_changes_nothing()
    {
        await using var site = await Site.StartAsync(Options("github-read"));

        Assert.Equal("200", await PostAsync(site, """{"query":"query { viewer { login } }"}"""));
        Assert.Equal("403", await PostAsync(site, """{"query":"mutation { addStar(input: {}) { clientMutationId } }"}"""));
        Assert.Equal("200", await StatusAsync(site, "https://raw.githubusercontent.com/echo/main/README.md"));
        Assert.Equal("403", await StatusAsync(site, "-X", "DELETE", "https://api.github.com/echo/repos/acme/web"));
    }

    private static SiteOptions Options(string preset) => new()
    {
        UsualRules = ["allow * origin.test/**"],
        Policy = [$"presets: [{preset}]"],
    };

    private static Task<string> PostAsync(Site site, string body) => StatusAsync(site, "-X", "POST", "-H", "Content-Type: application/json", "-d", body, "https://api.github.com/graphql");

    private static async Task<string> StatusAsync(Site site, params string[] arguments) =>
        (await site.RunAsync("curl", ["-s", "-o", "/dev/null", "-w", "%{http_code}", .. arguments])).Stdout;

    private static async Task GitAsync(Site site, params string[] arguments)
    {
        var folder = site.Origin.GitRepositories.Path;
        await using var git = RunningProgram.Start("git", arguments, ToolEnvironment.Clean(folder), folder);
        (await git.WaitAsync(Limits.Token())).Succeeded();
    }
}
