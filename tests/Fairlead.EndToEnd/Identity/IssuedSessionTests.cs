using System.Diagnostics;
using System.Net;
using System.Text.Json.Nodes;
using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Identity;

/// <summary>Sessions by signed tokens: made by the gateway's command, narrowed, revoked, or vouched for by a platform.</summary>
public sealed class IssuedSessionTests
{
    private static readonly SiteOptions Options = new()
    {
        Sections = "issuers: { fairlead: { key: state/session.key } }\nrevocations: state/revoked",
        Sessions = ["{ id: agents, issuer: fairlead, policy: default, credentials: [github] }"],
    };

    [Fact]
    public async Task What_session_new_prints_is_all_that_a_container_needs()
    {
        await using var site = await Site.StartAsync(Options);
        var made = (await site.AskGatewayAsync("", "session", "new", "--id", "job-17", "--lifetime", "10m", "--gateway", site.Gateway.Address.ToString(), "--json")).Json;
        Assert.Equal("agents/job-17", (string?)made["session"]);
        var environment = made["environment"]!.AsObject().ToDictionary(e => e.Key, e => (string)e.Value!);
        Assert.Equal(("1", "1", "agents/job-17"), (environment["CLAUDE_CODE_REMOTE"], environment["CCR_UPSTREAM_PROXY_ENABLED"], environment["CLAUDE_CODE_REMOTE_SESSION_ID"]));
        var relay = await site.StartRelayAsync(environment["FAIRLEAD_SESSION_ID"], (string)made["token"]!);

        var answer = await site.RunAsync(relay, "curl", "-sS", "https://api.github.com/echo/made");

        // The upstream got the token; the workload sees that it did.
        Assert.Equal("Bearer [fairlead:redacted:github]", (string?)answer.Json["headers"]!["authorization"]![0]);
        var record = await site.Audit.RequestAsync("/echo/made", Limits.Token());
        Assert.Equal("agents/job-17", (string?)record["session"]);
    }

    [Fact]
    public async Task A_child_token_may_less_and_is_made_without_the_gateway()
    {
        await using var site = await Site.StartAsync(Options);
        var token = (string)(await site.AskGatewayAsync("", "session", "new", "--id", "p", "--json")).Json["token"]!;
        var child = (await site.AskGatewayAsync(token, "session", "child", "--allow", "GET origin.test/status/**", "--lifetime", "5m")).Succeeded().Stdout.Trim();
        var relay = await site.StartRelayAsync("agents", child);

        Assert.Equal("200", await StatusAsync(site, relay, "https://origin.test/status/200/child"));
        Assert.Equal("403", await StatusAsync(site, relay, "https://origin.test/echo/child"));
        Assert.Equal("403", await StatusAsync(site, relay, "-X", "POST", "https://origin.test/status/200/child"));
        var shown = await site.AskGatewayAsync(child, "session", "show");
        Assert.Contains("narrowed  allow GET origin.test/status/**", shown.Succeeded().Stdout, StringComparison.Ordinal);
        var record = await site.Audit.RequestAsync("/echo/child", Limits.Token());
        Assert.StartsWith("agents/p~", (string?)record["session"], StringComparison.Ordinal);
        Assert.Equal("default: deny", (string?)record["rule"]);
    }

    [Fact]
    public async Task A_revoked_sessions_open_tunnel_is_cut_within_two_seconds_and_no_other_opens()
    {
        await using var site = await Site.StartAsync(Options);
        var token = (string)(await site.AskGatewayAsync("", "session", "new", "--id", "r", "--json")).Json["token"]!;
        var relay = await site.StartRelayAsync("agents/r", token);
        using var client = ProxiedHttp.Client(relay, HttpVersion.Version11);
        using var stream = await client.GetStreamAsync(new Uri("https://origin.test/sse/revoked-token"), Limits.Token());
        Assert.NotEqual(0, await stream.ReadAsync(new byte[1024], Limits.Token()));

        Assert.Contains("revoked agents/r in ", (await site.AskGatewayAsync("", "session", "revoke", "agents/r")).Succeeded().Stdout, StringComparison.Ordinal);
        var began = Stopwatch.GetTimestamp();
        await Assert.ThrowsAnyAsync<Exception>(() => stream.CopyToAsync(Stream.Null, Limits.Token()));
        var cutAfter = Stopwatch.GetElapsedTime(began);

        TestContext.Current.TestOutputHelper?.WriteLine($"cut after {cutAfter.TotalMilliseconds:F0} ms");
        Assert.InRange(cutAfter, TimeSpan.Zero, TimeSpan.FromSeconds(2));
        Assert.Equal("000", await StatusAsync(site, relay, "https://origin.test/status/200/after"));
        var record = Assert.Single(await site.Audit.WaitForAsync(1, r => (string?)r["type"] == "tunnel" && (string?)r["outcome"] == "session_revoked", Limits.Token()));
        Assert.Equal(("agents/r", "the session was revoked"), ((string?)record["session"], (string?)record["detail"]));
        // It stays revoked when the gateway starts again.
        Assert.Contains("refused   the session was revoked", (await site.AskGatewayAsync(token, "session", "show")).Stdout, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_revocation_holds_while_the_rest_of_the_configuration_does_not_load()
    {
        await using var site = await Site.StartAsync(Options);
        var token = (string)(await site.AskGatewayAsync("", "session", "new", "--id", "b", "--json")).Json["token"]!;
        var relay = await site.StartRelayAsync("agents/b", token);
        Assert.Equal("200", await StatusAsync(site, relay, "https://origin.test/status/200/before"));
        site.Edit(text => text.Replace("mode: enforce", "mode: enforced", StringComparison.Ordinal));

        (await site.AskGatewayAsync("", "session", "revoke", "agents/b", "--file", "state/revoked")).Succeeded();

        var limit = Limits.Token();
        while (await StatusAsync(site, relay, "https://origin.test/status/200/after") != "000") await Task.Delay(Limits.Poll, limit);
    }

    [Fact]
    public async Task A_session_ends_when_its_token_does()
    {
        await using var site = await Site.StartAsync(Options);
        var token = (string)(await site.AskGatewayAsync("", "session", "new", "--id", "short", "--lifetime", "6s", "--json")).Json["token"]!;
        var relay = await site.StartRelayAsync("agents/short", token);
        using var client = ProxiedHttp.Client(relay, HttpVersion.Version11);
        using var stream = await client.GetStreamAsync(new Uri("https://origin.test/sse/short"), Limits.Token());

        await Assert.ThrowsAnyAsync<Exception>(() => stream.CopyToAsync(Stream.Null, Limits.Token()));

        await site.Audit.WaitForAsync(1, r => (string?)r["outcome"] == "session_revoked" && ((string?)r["detail"])?.StartsWith("the session expired at ", StringComparison.Ordinal) == true, Limits.Token());
    }

    [Fact]
    public async Task A_platforms_workload_needs_no_secret_of_ours()
    {
        await using var issuer = await TestIssuer.StartAsync();
        await using var site = await Site.StartAsync(new SiteOptions
        {
            Files = new Dictionary<string, string> { ["issuer-ca.pem"] = issuer.CaPem },
            Sections = $$"""
                issuers:
                  cluster: { issuer: "{{issuer.Url}}", audience: fairlead, jwks: { discover: "{{issuer.Url}}", ca: issuer-ca.pem } }
                """,
            Sessions = ["{ id: runners, issuer: cluster, match: { /kubernetes.io/namespace: ci, /kubernetes.io/serviceaccount/name: runner }, policy: default }"],
        });
        JsonObject Account(string name) => new() { ["kubernetes.io"] = new JsonObject { ["namespace"] = "ci", ["serviceaccount"] = new JsonObject { ["name"] = name } } };
        var relay = await site.StartRelayAsync("runners", issuer.Sign("system:serviceaccount:ci:runner", Account("runner"), TimeSpan.FromMinutes(10)));
        var other = await site.StartRelayAsync("runners", issuer.Sign("system:serviceaccount:ci:cook", Account("cook"), TimeSpan.FromMinutes(10)));
        var stale = await site.StartRelayAsync("runners", issuer.Sign("system:serviceaccount:ci:runner", Account("runner"), TimeSpan.FromMinutes(-1)));
        var foreign = await site.StartRelayAsync("runners", issuer.Sign("system:serviceaccount:ci:runner", Account("runner"), TimeSpan.FromMinutes(10), audience: "vault"));

        Assert.Equal("200", await StatusAsync(site, relay, "https://origin.test/status/200/platform"));
        foreach (var refused in (RelayProcess[])[other, stale, foreign]) Assert.Equal("000", await StatusAsync(site, refused, "https://origin.test/status/200/refused"));

        Assert.Equal("runners/system:serviceaccount:ci:runner", (string?)(await site.Audit.RequestAsync("/status/200/platform", Limits.Token()))["session"]);
        var reasons = (await site.Audit.WaitForAsync(3, r => (string?)r["outcome"] == "unauthenticated", Limits.Token())).Select(r => (string)r["detail"]!).ToArray();
        Assert.Contains(reasons, r => r.Contains("no entry of 'sessions' is for issuer 'cluster' and its claims", StringComparison.Ordinal));
        Assert.Contains(reasons, r => r.StartsWith("the token expired at ", StringComparison.Ordinal));
        Assert.Contains(reasons, r => r.Contains("no issuer with the 'iss' and 'aud' of this token", StringComparison.Ordinal));
    }

    private static async Task<string> StatusAsync(Site site, RelayProcess relay, params string[] arguments) =>
        (await site.RunAsync(relay, "curl", ["-s", "-o", "/dev/null", "-w", "%{http_code}", .. arguments])).Stdout;
}
