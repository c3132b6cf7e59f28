using Fairlead.EndToEnd.Harness;
using Fairlead.EndToEnd.Origins;

namespace Fairlead.EndToEnd.Relay;

/// <summary>The whole product by one command: <c>fairlead run --local fairlead.yaml -- command</c>.</summary>
public sealed class LocalRunTests : IAsyncLifetime
{
    private readonly TempFolder _folder = new();
    private Origin _origin = null!;
    private string _config = null!;

    public async ValueTask InitializeAsync()
    {
        _origin = await Origin.StartAsync();
        _config = GatewayConfig.Write(_folder, _origin, new SiteOptions());
    }

    [Fact]
    public async Task An_allowed_request_gets_its_credential_and_a_denied_one_its_refusal()
    {
        var result = await RunAsync(
            "sh", "-c", "curl -sS -w '%{http_code}\\n' https://api.datadoghq.com/status/200/local; curl -sS -o /dev/null -w '%{http_code}\\n' https://origin.test/echo/forbidden/local");

        Assert.Equal("200\n403\n", result.Succeeded().Stdout);
        Assert.Equal([TestSecrets.Datadog], _origin.Requests.Single("/status/200/local").Values("DD-API-KEY"));
        var audit = _folder.File("state/audit.jsonl");
        await AuditSchema.CheckAsync(audit);
        var records = await new AuditLog(audit).ReadAsync(Limits.Token());
        Assert.Equal(["request", "request", "tunnel", "tunnel"], records.Select(r => AuditLog.Text(r, "type")).Order());
    }

    [Fact]
    public async Task The_command_sees_no_secret()
    {
        var result = await RunAsync("env");

        var everything = result.Succeeded().Stdout + result.Stderr;
        Assert.Contains("HTTPS_PROXY=", everything, StringComparison.Ordinal);
        Assert.Contains("KEPT=as it was", everything, StringComparison.Ordinal);
        Assert.All(GatewayProcess.Secrets.Keys, name => Assert.DoesNotContain(name, everything, StringComparison.Ordinal));
        Assert.All(TestSecrets.All, secret => Assert.DoesNotContain(secret, everything, StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_commands_exit_code_is_ours_and_nothing_is_left_running()
    {
        var result = await RunAsync("sh", "-c", "echo $HTTPS_PROXY; exit 7");

        Assert.Equal(7, result.ExitCode);
        await using var curl = RunningProgram.Start("curl", ["-sS", "-x", result.Stdout.Trim(), "https://origin.test/"], ToolEnvironment.Clean(_folder.Path), _folder.Path);
        Assert.Contains("Failed to connect", (await curl.WaitAsync(Limits.Token())).Failed().Stderr, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_broken_configuration_starts_nothing()
    {
        await File.AppendAllTextAsync(_config, "unknown: 1\n", Limits.Token());

        var result = await RunAsync("echo", "started");

        Assert.Equal(78, result.ExitCode);
        Assert.Empty(result.Stdout);
        Assert.Contains("unknown", result.Stderr, StringComparison.Ordinal);
    }

    public async ValueTask DisposeAsync()
    {
        if (_origin is not null) await _origin.DisposeAsync();
        _folder.Dispose();
    }

    private async Task<ToolResult> RunAsync(params string[] command)
    {
        var environment = ToolEnvironment.ForProduct(_folder.Folder("home"));
        foreach (var (name, value) in GatewayProcess.Secrets) environment[name] = value;
        environment["KEPT"] = "as it was";
        await using var program = RunningProgram.Start(
            Repository.Relay, ["run", "--local", _config, "--session", "demo", "--", .. command], environment, _folder.Path);
        program.Stdin.Close();
        return await program.WaitAsync(Limits.Token());
    }
}
