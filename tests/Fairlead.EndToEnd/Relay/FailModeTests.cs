using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Relay;

/// <summary>What <c>fairlead run</c> does when the proxy cannot be had: the command without it, or nothing.</summary>
public sealed class FailModeTests(SharedSite shared)
{
    private const int FailedClosed = 78;
    private readonly Site _site = shared.Site;

    [Fact]
    public async Task Without_a_token_the_child_runs_with_its_environment_untouched()
    {
        var environment = Environment("open");
        File.Delete(environment["FAIRLEAD_TOKEN_FILE"]);

        await AssertUntouchedAsync(environment);
    }

    [Fact]
    public async Task With_a_blank_token_the_child_runs_with_its_environment_untouched()
    {
        var environment = Environment("open");
        await File.WriteAllTextAsync(environment["FAIRLEAD_TOKEN_FILE"], " \n", Limits.Token());

        await AssertUntouchedAsync(environment);
        Assert.True(File.Exists(environment["FAIRLEAD_TOKEN_FILE"]));
    }

    [Fact]
    public async Task Without_a_gateway_that_answers_the_child_runs_with_its_environment_untouched()
    {
        var environment = Environment("open");
        environment["FAIRLEAD_GATEWAY"] = "http://127.0.0.1:1";

        await AssertUntouchedAsync(environment);
    }

    [Fact]
    public async Task Closed_without_a_token_starts_nothing()
    {
        var environment = Environment("closed");
        File.Delete(environment["FAIRLEAD_TOKEN_FILE"]);

        await AssertNotStartedAsync(environment);
    }

    [Fact]
    public async Task Closed_without_a_gateway_starts_nothing_and_keeps_the_token()
    {
        var environment = Environment("closed");
        environment["FAIRLEAD_GATEWAY"] = "http://127.0.0.1:1";

        await AssertNotStartedAsync(environment);
        Assert.True(File.Exists(environment["FAIRLEAD_TOKEN_FILE"]));
    }

    private Dictionary<string, string> Environment(string fail)
    {
        var environment = _site.RunEnvironment();
        environment["FAIRLEAD_FAIL"] = fail;
        return environment;
    }

    private async Task AssertUntouchedAsync(Dictionary<string, string> environment)
    {
        var result = await RunCommand.RunAsync(_site, environment, "--", "env");

        Assert.Equal(environment, RunCommand.Variables(result));
        Assert.Single(result.Stderr.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    private async Task AssertNotStartedAsync(Dictionary<string, string> environment)
    {
        var result = await RunCommand.RunAsync(_site, environment, "--", "echo", "started");

        Assert.Equal(FailedClosed, result.ExitCode);
        Assert.Empty(result.Stdout);
        Assert.NotEmpty(result.Stderr);
    }
}
