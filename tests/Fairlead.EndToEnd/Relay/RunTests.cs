using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Relay;

public sealed class RunTests(SharedSite shared)
{
    private readonly Site _site = shared.Site;

    [Fact]
    public async Task A_command_reaches_the_world()
    {
        var result = await RunAsync("curl", "-sS", "https://origin.test/echo/run");

        Assert.Equal("/echo/run", (string?)result.Json["target"]);
    }

    [Fact]
    public async Task The_child_gets_proxy_and_trust_and_keeps_the_rest()
    {
        var environment = _site.RunEnvironment();
        environment["KEPT"] = "as it was";
        environment["SSL_CERT_FILE"] = "/replaced";

        var variables = RunCommand.Variables(await RunCommand.RunAsync(_site, environment, "--", "env"));

        Assert.Matches(@"^http://127\.0\.0\.1:\d+$", variables["HTTPS_PROXY"]);
        Assert.Equal(variables["HTTPS_PROXY"], variables["https_proxy"]);
        Assert.StartsWith("localhost,127.0.0.1,::1,", variables["NO_PROXY"], StringComparison.Ordinal);
        Assert.Equal(variables["NO_PROXY"], variables["no_proxy"]);
        foreach (var name in new[] { "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE" })
            Assert.Equal(environment["FAIRLEAD_CA_BUNDLE"], variables[name]);
        Assert.Equal("as it was", variables["KEPT"]);
        Assert.DoesNotContain("HTTP_PROXY", variables.Keys);
        // Settings that the relay makes for its own runtime are not the child's.
        Assert.All(variables.Keys.Where(name => name.StartsWith("DOTNET_", StringComparison.Ordinal)), name => Assert.Contains(name, environment.Keys));
        Assert.False(File.Exists(environment["FAIRLEAD_TOKEN_FILE"]));
    }

    [Fact]
    public async Task The_no_proxy_list_can_be_set()
    {
        var result = await RunCommand.RunAsync(_site, _site.RunEnvironment(), "--no-proxy-set", "only.test", "--", "sh", "-c", "echo $NO_PROXY");

        Assert.StartsWith("only.test", result.Succeeded().Stdout, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("exit 0", 0)]
    [InlineData("exit 7", 7)]
    [InlineData("kill -TERM $$", 128 + 15)]
    [InlineData("kill -KILL $$", 128 + 9)]
    public async Task The_commands_end_is_ours(string script, int exitCode)
    {
        var result = await RunAsync("sh", "-c", script);

        Assert.Equal(exitCode, result.ExitCode);
    }

    [Fact]
    public async Task A_command_that_does_not_exist_costs_the_session_no_token()
    {
        var environment = _site.RunEnvironment();

        var result = await RunCommand.RunAsync(_site, environment, "--", "no-such-command-here");

        Assert.Equal(127, result.ExitCode);
        Assert.True(File.Exists(environment["FAIRLEAD_TOKEN_FILE"]));
    }

    [Fact]
    public async Task A_signal_is_passed_on()
    {
        const string Script = "trap 'exit 9' TERM; echo ready; while :; do sleep 0.05; done";
        await using var run = RunCommand.Start(_site, _site.RunEnvironment(), "--", "sh", "-c", Script);
        await run.Stdout.WaitForAsync("ready", Limits.Token());

        run.Terminate();

        Assert.Equal(9, (await run.WaitAsync(Limits.Token())).ExitCode);
    }

    [Fact]
    public async Task Standard_input_is_the_commands()
    {
        await using var run = RunCommand.Start(_site, _site.RunEnvironment(), "--", "cat");

        await run.Stdin.WriteAsync("through\n"u8.ToArray(), Limits.Token());
        run.Stdin.Close();

        Assert.Equal("through\n", (await run.WaitAsync(Limits.Token())).Succeeded().Stdout);
    }

    [Fact]
    public async Task Env_prints_what_a_shell_needs_to_use_a_running_relay()
    {
        var environment = _site.RunEnvironment();
        environment["FAIRLEAD_STATE_DIR"] = _site.Relay.Settings["FAIRLEAD_STATE_DIR"];
        environment["FAIRLEAD_PROGRAM"] = Repository.Relay;

        await using var shell = RunningProgram.Start(
            "sh", ["-c", "eval \"$(\"$FAIRLEAD_PROGRAM\" env)\"; curl -sS https://origin.test/echo/env"], environment, _site.Folder.Path);

        Assert.Equal("/echo/env", (string?)(await shell.WaitAsync(Limits.Token())).Json["target"]);
    }

    private Task<ToolResult> RunAsync(params string[] command) => RunCommand.RunAsync(_site, _site.RunEnvironment(), ["--", .. command]);
}
