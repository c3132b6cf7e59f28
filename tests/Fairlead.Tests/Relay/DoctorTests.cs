using System.Text.Json;
using Fairlead.Relay;
using Fairlead.Relay.Doctor;
using Fairlead.Relay.Startup;
using Fairlead.Tests.Gateway;
using Microsoft.AspNetCore.Http;

namespace Fairlead.Tests.Relay;

/// <summary>Each fault is provoked, and the doctor names it and what helps. The gateway is the real one, unless the fault is its own.</summary>
public sealed class DoctorTests : IAsyncLifetime
{
    private readonly TempDirectory _files = new();
    private Edge _edge = null!;
    private RelayUnderTest _relay = null!;
    private Dictionary<string, string> _shell = [];

    public async ValueTask InitializeAsync()
    {
        _edge = await Edge.StartAsync();
        _relay = Of(_edge.Address.ToString());
        _relay.Environment["HOME"] = _files.PathOf("");
        await _relay.StartAsync();
        _shell = Shell();
    }

    public async ValueTask DisposeAsync()
    {
        await _relay.DisposeAsync();
        await _edge.DisposeAsync();
        _files.Dispose();
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task Beside_a_relay_that_works_nothing_fails()
    {
        var report = await ExamineAsync();

        Assert.True(report.Healthy, DoctorText.Of(report));
        Assert.Equal(
            ["relay", "token", "CA bundle", "gateway", "clock", "CA", "HTTPS_PROXY", "NO_PROXY", "CA variables"],
            report.Checks.Select(check => check.Name).Where(name => name != "setting")); // this machine's own files may hold some
        Assert.All(report.Tools, tool => Assert.Equal((CheckResult.Skipped, "not installed"), (tool.Result, tool.Detail)));
        Assert.Contains("\nall is well\n", DoctorText.Of(report), StringComparison.Ordinal);
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task A_tool_is_run_through_the_relay_and_the_answer_shows_its_session()
    {
        Install("curl");

        var curl = (await ExamineAsync()).Tools.Single(tool => tool.Tool == "curl");

        Assert.Equal((CheckResult.Ok, "through the relay, session s1"), (curl.Result, curl.Path));
        Assert.StartsWith("curl ", curl.Version, StringComparison.Ordinal);
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task A_setting_in_the_users_file_is_named_with_its_line_and_explains_the_tools_failure()
    {
        Install("curl");
        _files.Write(".curlrc", "# mine\nproxy = http://127.0.0.1:1\n");

        var report = await ExamineAsync();

        var curl = report.Tools.Single(tool => tool.Tool == "curl");
        Assert.Equal(CheckResult.Failed, curl.Result);
        Assert.Contains("127.0.0.1 port 1", curl.Detail, StringComparison.Ordinal);
        Assert.StartsWith($"proxy in {_files.PathOf(".curlrc")}:2: ", curl.Remedy, StringComparison.Ordinal);
        Assert.Contains(report.Checks, check => check is { Name: "setting", Result: CheckResult.Failed } && check.Remedy!.StartsWith("Remove the line", StringComparison.Ordinal));
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task A_setting_for_a_tool_that_is_not_there_is_a_warning()
    {
        _files.Write(".curlrc", "proxy = http://127.0.0.1:1\n");

        var report = await ExamineAsync();

        Assert.True(report.Healthy);
        Assert.Contains(report.Checks, check => check is { Name: "setting", Result: CheckResult.Warning } && check.Detail.StartsWith("curl: proxy in", StringComparison.Ordinal));
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task A_variable_that_turns_verification_off_fails()
    {
        Install("curl", "node"); // a link is enough to be installed
        _shell["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";

        var report = await ExamineAsync();

        AssertFault(report, "setting", "NODE_TLS_REJECT_UNAUTHORIZED in environment", "Unset the variable.");
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task No_relay_where_the_shell_names_one()
    {
        await _relay.Relay.DrainAsync(TimeSpan.Zero);

        var report = await ExamineAsync();

        AssertFault(report, "relay", "no relay answers on port", "Start `fairlead relay` again");
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task A_shell_that_does_not_use_the_relay()
    {
        _relay.Files.Write("state/relay.env", StateFile.Export(_relay.Relay.Environment));
        _shell.Remove("HTTPS_PROXY");
        _shell.Remove("https_proxy");

        var report = await ExamineAsync();

        AssertFault(report, "HTTPS_PROXY", "is not set in this shell", "eval \"$(fairlead env)\"");
        Assert.Empty(report.Tools);
    }

    [Theory(Timeout = Limits.TestMilliseconds)]
    [InlineData("NO_PROXY", "*", "every host ('*')")]
    [InlineData("no_proxy", "localhost,fairlead.test", "fairlead.test")]
    [InlineData("NO_PROXY", ".test", "fairlead.test")]
    public async Task NO_PROXY_that_leads_past_the_relay(string name, string list, string what)
    {
        _shell[name] = list;

        AssertFault(await ExamineAsync(), name, $"exempts {what}", $"Take the entry out of {name}");
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task A_variable_that_names_another_bundle()
    {
        _shell["SSL_CERT_FILE"] = "/other.pem";

        AssertFault(await ExamineAsync(), "CA variables", "SSL_CERT_FILE: not set to the bundle", "fairlead env");
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task A_bundle_that_is_missing()
    {
        File.Delete(_relay.Options.CaBundle);

        AssertFault(await ExamineAsync(), "CA bundle", "is missing", "Start the relay again");
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task A_bundle_that_was_edited()
    {
        await File.WriteAllTextAsync(_relay.Options.CaBundle, TestGateway.CaPem, Limits.Token);

        var report = await ExamineAsync();

        AssertFault(report, "CA bundle", "was changed after the relay wrote it", "Start the relay again");
        AssertFault(report, "CA", "does not hold the CA that signed", "Start the relay again");
    }

    [Theory(Timeout = Limits.TestMilliseconds)]
    [InlineData(1, "ahead of")]
    [InlineData(-1, "behind")]
    public async Task A_clock_that_is_wrong(int hours, string how)
    {
        var wrong = new FakeTimeProvider(TimeProvider.System.GetUtcNow().AddHours(hours));

        AssertFault(await ExamineAsync(wrong), "clock", how, "Set the clock");
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task A_token_file_that_is_still_there_beside_a_relay()
    {
        _relay.Files.Write("token", "again\n");

        AssertFault(await ExamineAsync(), "token", "is still there", "Remove it");
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task A_gateway_that_is_down()
    {
        await using var relay = Of(_edge.Address.ToString(), options => options with { OpenTimeout = TimeSpan.FromSeconds(1) });
        await relay.StartAsync();
        await _edge.StopAsync();

        AssertFault(await ExamineAsync(relay: relay), "gateway", "cannot be reached: Connection refused", "Check that the gateway runs");
    }

    [Theory(Timeout = Limits.TestMilliseconds)]
    [InlineData(401, "it does not know the session's token, or no longer", "ask whoever starts sessions for a new one")]
    [InlineData(404, "is there a Fairlead gateway at this address and path?", "`fairlead doctor` names the hop")]
    public async Task A_gateway_that_refuses(int status, string detail, string remedy)
    {
        await using var gateway = await TestGateway.StartAsync();
        await using var relay = await RelayUnderTest.StartAsync(gateway);
        gateway.OnUpgrade = context =>
        {
            context.Response.StatusCode = status;
            return Task.CompletedTask;
        };

        AssertFault(await ExamineAsync(relay: relay), "gateway", detail, remedy);
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task A_gateway_that_has_no_self_test()
    {
        await using var gateway = await TestGateway.StartAsync();
        await using var relay = await RelayUnderTest.StartAsync(gateway);
        var examining = ExamineAsync(relay: relay);
        var tunnel = await gateway.AcceptAsync();
        await tunnel.SendAsync("HTTP/1.1 502 Bad Gateway\r\n\r\n");
        await tunnel.CloseAsync();

        AssertFault(await examining, "gateway", "CONNECT was answered with status 502", "look at the upstream");
    }

    // Before a start.

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task Before_a_start_everything_is_tried_and_the_token_stays()
    {
        await using var relay = Of(_edge.Address.ToString());
        Install("curl");

        var report = await RehearseAsync(relay);

        Assert.True(report.Healthy, DoctorText.Of(report));
        Assert.Equal(["relay", "gates", "token", "CA bundle", "gateway"], report.Checks.Take(5).Select(check => check.Name));
        Assert.Equal("through the relay, session s1", report.Tools.Single(tool => tool.Tool == "curl").Path);
        Assert.Equal(Edge.Token, await File.ReadAllTextAsync(relay.Options.TokenFile, Limits.Token));
        Assert.False(File.Exists(relay.Options.CaBundle));
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task A_gate_that_does_not_hold()
    {
        await using var relay = Of(_edge.Address.ToString(), options => options with { SessionId = null });

        AssertFault(await RehearseAsync(relay), "gates", "session", "fairlead run -- fairlead doctor");
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task No_token()
    {
        await using var relay = Of(_edge.Address.ToString());
        File.Delete(relay.Options.TokenFile);

        AssertFault(await RehearseAsync(relay), "token", relay.Options.TokenFile, "token");
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task A_wrong_path_prefix()
    {
        await using var relay = Of(_edge.Address + "wrong");

        AssertFault(await RehearseAsync(relay), "gateway", "/wrong/v1/code/upstreamproxy/ca-cert answered with status 404", "points at a Fairlead gateway");
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task An_egress_proxy_that_wants_credentials()
    {
        await using var proxy = new RawPeer((_, _) => Task.FromResult("HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n"));
        await using var relay = Of("http://gateway.test");

        var report = await RehearseAsync(relay, ("HTTP_PROXY", $"http://127.0.0.1:{proxy.Port}"));

        AssertFault(report, "gateway", $"the egress proxy 127.0.0.1:{proxy.Port} (from HTTP_PROXY) wants credentials (407)", "");
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task A_CA_that_expired()
    {
        await using var gateway = await TestGateway.StartAsync();
        await using var relay = Of(gateway.Url);
        using var expired = Certificates.Ca(TimeProvider.System.GetUtcNow().AddDays(-2), TimeProvider.System.GetUtcNow().AddDays(-1));
        gateway.OnCa = context => context.Response.WriteAsync(expired.ExportCertificatePem());

        AssertFault(await RehearseAsync(relay), "gateway", "expired on", "Ask whoever runs the gateway for a valid CA");
    }

    [Theory]
    [InlineData(0, "Warning", "expires on")] // a CA of a day
    [InlineData(3, "Failed", "the gateway's CA expired on")]
    public void A_CA_is_judged_by_the_gateways_clock(int days, string result, string detail)
    {
        var end = TimeProvider.System.GetUtcNow().AddDays(1);
        using var ca = Certificates.Ca(to: end);
        var bundle = _files.Write("one-ca.pem", ca.ExportCertificatePem());
        using var leaf = Certificates.Leaf(ca, "fairlead.test", end.AddHours(-1));

        var check = TrustChecks.Authority(leaf, [], bundle, TimeProvider.System.GetUtcNow().AddDays(days));

        Assert.Equal(result, check.Result.ToString());
        Assert.Contains(detail, check.Detail, StringComparison.Ordinal);
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task The_report_is_json_with_words()
    {
        var json = JsonSerializer.Serialize(await ExamineAsync(), DoctorJson.Default.DoctorReport);

        var root = JsonDocument.Parse(json).RootElement;
        Assert.True(root.GetProperty("healthy").GetBoolean());
        Assert.Equal("ok", root.GetProperty("checks")[0].GetProperty("result").GetString());
        Assert.Equal("skipped", root.GetProperty("tools")[0].GetProperty("result").GetString());
    }

    private static void AssertFault(DoctorReport report, string check, string detail, string remedy)
    {
        Assert.False(report.Healthy);
        Assert.True(
            report.Checks.Any(c => c.Name == check && c.Result == CheckResult.Failed && c.Detail.Contains(detail, StringComparison.Ordinal) && c.Remedy!.Contains(remedy, StringComparison.Ordinal)),
            DoctorText.Of(report));
    }

    private static RelayUnderTest Of(string gateway, Func<RelayOptions, RelayOptions>? change = null)
    {
        var relay = new RelayUnderTest();
        relay.Options = (change ?? (options => options))(relay.Options with { Gateway = gateway, SessionId = "s1" });
        File.WriteAllText(relay.Options.TokenFile, Edge.Token);
        return relay;
    }

    private Dictionary<string, string> Shell(RelayUnderTest? relay = null)
    {
        var shell = new Dictionary<string, string> { ["PATH"] = _files.PathOf("bin"), ["HOME"] = _files.PathOf("") };
        foreach (var (name, value) in (relay ?? _relay).Relay.Environment) shell[name] = value;
        return shell;
    }

    // A PATH with these alone: the others of this machine are tried by the end-to-end tests.
    private void Install(params string[] commands)
    {
        Directory.CreateDirectory(_files.PathOf("bin"));
        foreach (var command in commands)
        {
            var found = CommandLookup.Find(command, Environment.GetEnvironmentVariable("PATH"), out _) ?? CommandLookup.Find("true", Environment.GetEnvironmentVariable("PATH"), out _);
            File.CreateSymbolicLink(_files.PathOf($"bin/{command}"), found!);
        }
    }

    private Task<DoctorReport> ExamineAsync(TimeProvider? time = null, RelayUnderTest? relay = null)
    {
        var options = (relay ?? _relay).Options with { Home = _files.PathOf("") };
        return new DoctorVerb(relay is null ? _shell : Shell(relay), time ?? TimeProvider.System).RunAsync(options, () => Assert.Fail("no token is read beside a relay"), Limits.Token);
    }

    private Task<DoctorReport> RehearseAsync(RelayUnderTest relay, params (string Name, string Value)[] variables)
    {
        var shell = new Dictionary<string, string> { ["PATH"] = _files.PathOf("bin"), ["HOME"] = _files.PathOf("") };
        foreach (var (name, value) in variables) shell[name] = value;
        var isReady = false;
        return new DoctorVerb(shell, TimeProvider.System).RunAsync(relay.Options with { Home = _files.PathOf("") }, () => isReady = !isReady, Limits.Token);
    }
}
