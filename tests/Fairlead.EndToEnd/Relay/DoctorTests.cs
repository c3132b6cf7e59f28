using System.Text.Json.Nodes;
using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Relay;

/// <summary>The doctor and the status with the real programs, and every tool of this machine that can be tried.</summary>
public sealed class DoctorTests(SharedSite shared)
{
    private readonly Site _site = shared.Site;

    [Fact]
    public async Task Inside_run_every_installed_tool_comes_through_the_relay()
    {
        var result = await RunCommand.RunAsync(_site, _site.RunEnvironment(), "--", Repository.Relay, "doctor", "--json");

        var tools = result.Json["tools"]!.AsArray().Where(tool => (string?)tool!["result"] != "skipped").ToArray();
        Assert.All(tools, tool => Assert.True((string?)tool!["result"] == "ok", result.Stdout));
        Assert.Contains("through the relay, session demo", tools.Where(tool => (string?)tool!["tool"] == "curl").Select(tool => (string?)tool!["path"]));
        Assert.Superset(new HashSet<string?> { "curl", "git", "Node.js", "npm", "Python" }, tools.Select(tool => (string?)tool!["tool"]).ToHashSet());
        foreach (var check in new[] { "relay", "token", "gateway", "clock", "CA", "CA bundle", "HTTPS_PROXY", "NO_PROXY", "CA variables" })
            Assert.Equal("ok", (string?)Check(result.Json, check)["result"]);
    }

    [Fact]
    public async Task Before_a_start_the_token_stays_and_the_command_starts_afterwards()
    {
        var environment = _site.RunEnvironment();

        await using (var doctor = RunningProgram.Start(Repository.Relay, ["doctor", "--json"], environment, _site.Folder.Path))
            Assert.Equal("ok", (string?)Check((await doctor.WaitAsync(Limits.Token())).Json, "gateway")["result"]);

        Assert.True(File.Exists(environment["FAIRLEAD_TOKEN_FILE"]));
        Assert.Equal("ran\n", (await RunCommand.RunAsync(_site, environment, "--", "echo", "ran")).Succeeded().Stdout);
    }

    [Fact]
    public async Task A_setting_of_the_users_that_breaks_a_tool_is_named()
    {
        var environment = _site.RunEnvironment();
        File.WriteAllText(Path.Combine(environment["HOME"], ".curlrc"), "proxy = http://127.0.0.1:1\n");

        var result = await RunCommand.RunAsync(_site, environment, "--", Repository.Relay, "doctor", "--json");

        var curl = JsonNode.Parse(result.Stdout)!["tools"]!.AsArray().Single(tool => (string?)tool!["tool"] == "curl")!;
        Assert.Equal(1, result.ExitCode);
        Assert.Equal("failed", (string?)curl["result"]);
        Assert.Contains(".curlrc:1: ", (string?)curl["remedy"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_status_has_the_rule_that_refused_inside_the_tls_and_tells_a_broken_upstream_from_it()
    {
        const string Script = "curl -s 'https://origin.test/echo/forbidden/x?key=FAKE-value' >/dev/null; curl -s https://dead.test/status >/dev/null; \"$FAIRLEAD_PROGRAM\" status --json";
        var environment = _site.RunEnvironment();
        environment["FAIRLEAD_PROGRAM"] = Repository.Relay;

        var result = await RunCommand.RunAsync(_site, environment, "--", "sh", "-c", Script);

        var refusals = result.Json["refusals"]!.AsArray();
        Assert.Contains(refusals, refusal => (string?)refusal!["kind"] == "policy" && (string?)refusal["path"] == "/echo/forbidden/x" && refusal["rule"] is not null);
        Assert.Contains(refusals, refusal => (string?)refusal!["host"] == "dead.test:443" && (string?)refusal["kind"] == "connect");
        Assert.DoesNotContain("FAKE-value", result.Stdout, StringComparison.Ordinal);
    }

    private static JsonNode Check(JsonNode report, string name) => report["checks"]!.AsArray().Single(check => (string?)check!["name"] == name)!;
}
