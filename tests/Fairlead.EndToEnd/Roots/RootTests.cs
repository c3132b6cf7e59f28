using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Roots;

/// <summary>The images that the relay is put into: it starts, or says in one line what is missing.</summary>
public sealed class RootTests(SharedSite shared)
{
    private const int FailedClosed = 78;
    private readonly Site _site = shared.Site;

    [Fact]
    public async Task It_starts_in_a_minimal_Debian()
    {
        using var root = ContainerRoot.Debian();

        var result = await root.RunAsync(_site.RunEnvironment(), "run", "--", "curl", "-sS", "https://origin.test/echo/debian");

        Assert.Equal("/echo/debian", (string?)result.Json["target"]);
        Assert.Empty(result.Stderr);
    }

    [Fact]
    public async Task It_starts_in_a_root_with_nothing_but_its_libraries_and_says_that_there_are_no_roots()
    {
        using var root = ContainerRoot.Scratch().WithLibraries().WithOpenSsl();

        var result = await root.RunAsync(_site.RunEnvironment(), "run", "--", "busybox", "env");

        Assert.Contains("HTTPS_PROXY=http://127.0.0.1:", result.Succeeded().Stdout, StringComparison.Ordinal);
        Assert.Contains("no system CA bundle was found", Assert.Single(Lines(result)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("open", 0)]
    [InlineData("closed", FailedClosed)]
    public async Task Without_OpenSSL_it_says_so_and_fails_as_it_was_told(string fail, int exitCode)
    {
        using var root = ContainerRoot.Scratch().WithLibraries();
        var environment = _site.RunEnvironment();
        environment["FAIRLEAD_FAIL"] = fail;

        var result = await root.RunAsync(environment, "run", "--", "busybox", "env");

        Assert.Equal(exitCode, result.ExitCode);
        Assert.DoesNotContain("HTTPS_PROXY", result.Stdout, StringComparison.Ordinal);
        Assert.Contains("no OpenSSL", Assert.Single(Lines(result)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task In_a_root_of_musl_it_needs_the_libraries_of_glibc_beside()
    {
        using var bare = ContainerRoot.Musl();
        using var both = ContainerRoot.Musl().WithLibraries().WithOpenSsl();

        var without = await bare.RunAsync(_site.RunEnvironment(), "run", "--", "busybox", "env");
        var with = await both.RunAsync(_site.RunEnvironment(), "run", "--", "busybox", "env");

        // The loader it names is not there, so not a line of it runs: it is whoever starts it that says so.
        Assert.Equal(127, without.ExitCode);
        Assert.Contains("No such file or directory", Assert.Single(Lines(without)), StringComparison.Ordinal);
        Assert.Contains("HTTPS_PROXY=http://127.0.0.1:", with.Succeeded().Stdout, StringComparison.Ordinal);
    }

    private static string[] Lines(ToolResult result) => result.Stderr.Split('\n', StringSplitOptions.RemoveEmptyEntries);
}
