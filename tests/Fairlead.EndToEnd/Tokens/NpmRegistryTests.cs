using Fairlead.EndToEnd.Harness;
using Fairlead.EndToEnd.Origins;

namespace Fairlead.EndToEnd.Tokens;

/// <summary>npm against a real registry that wants a token, which only the gateway has.</summary>
public sealed class NpmRegistryTests
{
    private const string Session = "FAKE-packages-session";
    private const string Registry = $"https://{PackageRegistry.Name}/";

    [Fact]
    public async Task A_private_package_is_published_and_installed_by_an_npm_without_the_token()
    {
        await using var registry = await PackageRegistry.StartAsync();
        await using var site = await Site.StartAsync(new SiteOptions
        {
            Files = new Dictionary<string, string> { ["npm.token"] = registry.Token, ["packages.token"] = Session },
            Secrets = ["npm: { from: file, path: npm.token }"],
            Credentials = [$"npm: {{ use: bearer, secret: npm, hosts: [{PackageRegistry.Name}] }}"],
            Rules = [$"allow * {PackageRegistry.Name}/**"],
            Sessions = ["{ id: packages, token: { from: file, path: packages.token }, policy: default, credentials: [npm] }"],
            Resolve = new Dictionary<string, string> { [PackageRegistry.Name] = registry.Address },
            ExtraCa = registry.RootPem,
        });
        var relay = await site.StartRelayAsync("packages", Session);
        var package = site.Folder.Folder("package");
        await File.WriteAllTextAsync(Path.Combine(package, "package.json"), """{ "name": "@acme/private", "version": "1.0.0", "main": "index.js" }""", Limits.Token());
        await File.WriteAllTextAsync(Path.Combine(package, "index.js"), "module.exports = 42;\n", Limits.Token());
        Assert.Equal(401, await registry.AskWithoutTokenAsync("/@acme%2fprivate"));

        // npm does not publish without a token of some kind; what it has opens nothing.
        var published = (await site.RunAsync(relay, "npm", "publish", package, "--registry", Registry, $"--//{PackageRegistry.Name}/:_authToken=FAKE-of-the-workload")).Succeeded();
        var project = site.Folder.Folder("project");
        await File.WriteAllTextAsync(Path.Combine(project, "package.json"), """{ "name": "project", "private": true }""", Limits.Token());
        var installed = (await site.RunAsync(relay, "npm", "install", "--prefix", project, "--registry", Registry, "--no-audit", "--no-fund", "@acme/private")).Succeeded();

        Assert.Equal("module.exports = 42;\n", await File.ReadAllTextAsync(Path.Combine(project, "node_modules", "@acme", "private", "index.js"), Limits.Token()));
        Assert.Equal(401, await registry.AskWithoutTokenAsync("/@acme%2fprivate"));
        Assert.Contains("\"user\":\"robot\"", registry.Log, StringComparison.Ordinal);
        foreach (var text in (string[])[published.Stdout, published.Stderr, installed.Stdout, installed.Stderr, site.Gateway.Program.Stderr.Text, await File.ReadAllTextAsync(site.Audit.File, Limits.Token())])
            Assert.DoesNotContain(registry.Token, text, StringComparison.Ordinal);
    }
}
