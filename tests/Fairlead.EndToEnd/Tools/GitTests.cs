using System.Security.Cryptography;
using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Tools;

public sealed class GitTests(SharedSite shared)
{
    // Above http.postBuffer's 1 MiB, git sends its pack chunked.
    private const int BigFileBytes = 3 * 1024 * 1024;

    [Fact]
    public async Task Git_clones_and_pushes()
    {
        var site = shared.Site;
        var repositories = site.Origin.GitRepositories.Path;
        await GitAsync(repositories, "init", "--quiet", "--bare", "--initial-branch=main", "sample.git");
        await GitAsync(Path.Combine(repositories, "sample.git"), "config", "http.receivepack", "true");
        var first = await CloneAsync(site, "first");
        await File.WriteAllBytesAsync(Path.Combine(first, "big.bin"), RandomNumberGenerator.GetBytes(BigFileBytes), Limits.Token());
        await GitAsync(first, "add", ".");
        await GitAsync(first, "-c", "user.name=tester", "-c", "user.email=tester@origin.test", "commit", "--quiet", "-m", "A big file");

        // Over HTTP/2, Debian's libcurl 7.88 now and then asks git for more after the end of a chunked body, and git waits for ever: without a proxy too.
        (await site.RunAsync("git", "-C", first, "-c", "http.version=HTTP/1.1", "push", "--quiet", "origin", "HEAD:main")).Succeeded();
        var second = await CloneAsync(site, "second");

        Assert.Equal(
            await File.ReadAllBytesAsync(Path.Combine(first, "big.bin"), Limits.Token()),
            await File.ReadAllBytesAsync(Path.Combine(second, "big.bin"), Limits.Token()));
    }

    private static async Task<string> CloneAsync(Site site, string name)
    {
        var folder = site.Folder.File(name);
        (await site.RunAsync("git", "clone", "--quiet", "https://git.test/sample.git", folder)).Succeeded();
        return folder;
    }

    private static async Task GitAsync(string folder, params string[] arguments)
    {
        await using var git = RunningProgram.Start("git", arguments, ToolEnvironment.Clean(folder), folder);
        (await git.WaitAsync(Limits.Token())).Succeeded();
    }
}
