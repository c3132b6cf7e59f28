using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Tools;

public sealed class NpmTests(SharedSite shared)
{
    [Fact]
    public async Task Npm_installs_a_plain_and_a_scoped_package()
    {
        var site = shared.Site;
        foreach (var name in new[] { "sample", "@fairlead/sample" }) site.Origin.Npm.Add(name, await PackAsync(site.Folder, name));
        var project = site.Folder.Folder("project");

        var result = await site.RunAsync(
            "npm", "install", "--prefix", project, "--registry", "https://npm.test/", "--no-audit", "--no-fund", "--fetch-retries", "0", "sample", "@fairlead/sample");

        result.Succeeded();
        Assert.True(File.Exists(Path.Combine(project, "node_modules", "sample", "index.js")));
        Assert.True(File.Exists(Path.Combine(project, "node_modules", "@fairlead", "sample", "index.js")));
        site.Origin.Requests.Single("/@fairlead%2fsample");
    }

    private static async Task<byte[]> PackAsync(TempFolder folder, string name)
    {
        var source = folder.Folder("pack-" + name.Replace('/', '-'));
        await File.WriteAllTextAsync(Path.Combine(source, "package.json"), $$"""{ "name": "{{name}}", "version": "1.0.0" }""", Limits.Token());
        await File.WriteAllTextAsync(Path.Combine(source, "index.js"), "module.exports = 42;\n", Limits.Token());
        await using var npm = RunningProgram.Start("npm", ["pack", "--silent"], ToolEnvironment.Clean(source), source);
        var file = (await npm.WaitAsync(Limits.Token())).Succeeded().Stdout.Trim();
        return await File.ReadAllBytesAsync(Path.Combine(source, file), Limits.Token());
    }
}
