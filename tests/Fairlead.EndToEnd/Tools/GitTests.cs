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

    [Theory]
    [InlineData("https://git.test/private/secret.git")]
    [InlineData("https://x-access-token:made-up@git.test/private/secret.git")]
    public async Task Git_clones_a_private_repository_with_a_token_that_it_does_not_have(string address)
    {
        var site = shared.Site;
        var repositories = Directory.CreateDirectory(Path.Combine(site.Origin.GitRepositories.Path, "private")).FullName;
        if (!Directory.Exists(Path.Combine(repositories, "secret.git"))) await GitAsync(repositories, "init", "--quiet", "--bare", "--initial-branch=main", "secret.git");
        var folder = site.Folder.File($"private-{Guid.NewGuid():n}");

        (await site.RunAsync("git", "-c", "core.askPass=", "clone", "--quiet", address, folder)).Succeeded();

        Assert.All(TestSecrets.All, secret => Assert.DoesNotContain(secret, File.ReadAllText(Path.Combine(folder, ".git", "config")), StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("git@git.test:ssh.git")]
    [InlineData("ssh://git@git.test/ssh.git")]
    public async Task Git_clones_an_ssh_address_by_https_when_it_is_told_to(string address)
    {
        var site = shared.Site;
        var repositories = site.Origin.GitRepositories.Path;
        if (!Directory.Exists(Path.Combine(repositories, "ssh.git"))) await GitAsync(repositories, "init", "--quiet", "--bare", "--initial-branch=main", "ssh.git");
        var environment = site.RunEnvironment();
        // The user's own entry, before ours.
        (environment["GIT_CONFIG_COUNT"], environment["GIT_CONFIG_KEY_0"], environment["GIT_CONFIG_VALUE_0"]) = ("1", "user.name", "mine");
        var folder = site.Folder.File($"ssh-{Guid.NewGuid():n}");

        var result = await RunCommand.RunAsync(
            site, environment, "--git-https", "other.test,git.test", "--", "sh", "-c", $"git clone --quiet {address} {folder} && git -C {folder} config user.name && git -C {folder} config remote.origin.url");

        Assert.Equal($"mine\n{address}\n", result.Succeeded().Stdout);
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
