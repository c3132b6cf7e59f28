using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Identity;

/// <summary>The listener of whoever runs the gateway.</summary>
public sealed partial class AdminTests
{
    private static readonly SiteOptions Options = new()
    {
        Files = new Dictionary<string, string> { ["admin.token"] = "FAKE-admin-token" },
        Sections = "issuers: { fairlead: { key: state/session.key } }\nrevocations: state/revoked\nadmin: { listen: http://127.0.0.1:0, token: { from: file, path: admin.token } }",
        Sessions = ["{ id: agents, issuer: fairlead, policy: default, limits: { tunnels: 8 } }"],
    };

    [Fact]
    public async Task A_session_is_made_seen_and_ended()
    {
        await using var site = await Site.StartAsync(Options);
        using var admin = await AdminAsync(site);

        using var made = await admin.PostAsJsonAsync("/v1/sessions", new { session = "agents", id = "job-1", lifetime = "5m", claims = new { team = "web" }, gateway = site.Gateway.Address.ToString() }, Limits.Token());
        Assert.Equal(HttpStatusCode.Created, made.StatusCode);
        var session = (await made.Content.ReadFromJsonAsync<JsonNode>(Limits.Token()))!;
        var relay = await site.StartRelayAsync((string)session["session"]!, (string)session["token"]!);
        using var client = ProxiedHttp.Client(relay, HttpVersion.Version11);
        using var stream = await client.GetStreamAsync(new Uri("https://origin.test/sse/admin"), Limits.Token());

        var seen = Assert.Single((await admin.GetFromJsonAsync<JsonArray>("/v1/sessions", Limits.Token()))!, s => (string?)s!["session"] == "agents/job-1")!;
        Assert.Equal(("agents", 1), ((string?)seen["entry"], (int?)seen["tunnels"]));
        Assert.True((long)seen["bytes"]! > 500);
        Assert.Contains("fairlead_tunnels_open 1\n", await admin.GetStringAsync("/metrics", Limits.Token()), StringComparison.Ordinal);

        using var ended = await admin.DeleteAsync("/v1/sessions/agents%2Fjob%2D1", Limits.Token());
        Assert.Equal(HttpStatusCode.OK, ended.StatusCode);
        Assert.Equal("agents/job-1", (string?)(await ended.Content.ReadFromJsonAsync<JsonNode>(Limits.Token()))!["ended"]![0]);
        using var entry = await admin.DeleteAsync("/v1/sessions/agents", Limits.Token());
        Assert.Equal(HttpStatusCode.Conflict, entry.StatusCode);
        await Assert.ThrowsAnyAsync<Exception>(() => stream.CopyToAsync(Stream.Null, Limits.Token()));
        Assert.Contains("agents/job-1 # ", await File.ReadAllTextAsync(site.Folder.File("state/revoked"), Limits.Token()), StringComparison.Ordinal);
        Assert.DoesNotContain((string)session["token"]!, site.Gateway.Program.Stderr.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_asked_wrongly_is_told()
    {
        await using var site = await Site.StartAsync(Options);
        using var admin = await AdminAsync(site);
        foreach (var (body, told) in Requests)
        {
            using var answer = await admin.PostAsync(new Uri("/v1/sessions", UriKind.Relative), new StringContent(body), Limits.Token());
            Assert.Contains(told, $"{(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync(Limits.Token())}", StringComparison.OrdinalIgnoreCase);
        }
    }

    private static readonly (string Body, string Told)[] Requests =
    [
        ("{}", "201"),
        ("{}", "201"),
        ("""{"session":"demo"}""", "there is no session 'demo' that this gateway's key signs for; there are: agents"),
        ("""{"sesion":"agents"}""", "unknown member 'sesion'"),
        ("""{"session":"agents","session":"agents"}""", "400 "),
        ("""{"lifetime":"5"}""", "lifetime: expected a time such as"),
        ("""{"lifetime":5}""", "lifetime: expected a text"),
        ("""{"id":"a:b"}""", "id: expected visible ASCII"),
        ("""{"claims":{"sub":"x"}}""", "the claim 'sub' is set by the gateway"),
        ("""{"claims":{"session":"x"}}""", "wants the claim session: agents"),
        ("[]", "expected a JSON object"),
        ("nonsense", "invalid"),
        ("{\"id\":\"\\ud800\"}", "400 "),
        (new string(' ', 70_000), "400 "),
    ];

    [Fact]
    public async Task Without_its_token_nothing_is_told_but_whether_it_is_well_and_the_other_listener_has_none_of_it()
    {
        await using var site = await Site.StartAsync(Options);
        using var admin = await AdminAsync(site);
        admin.DefaultRequestHeaders.Authorization = new("Bearer", "FAKE-wrong");

        foreach (var (method, path) in (ReadOnlySpan<(HttpMethod, string)>)[(HttpMethod.Get, "/v1/sessions"), (HttpMethod.Post, "/v1/sessions"), (HttpMethod.Delete, "/v1/sessions/demo"), (HttpMethod.Get, "/anything")])
        {
            using var answer = admin.Send(new HttpRequestMessage(method, path), Limits.Token());
            Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        }

        Assert.Equal("ok\n", await admin.GetStringAsync("/healthz", Limits.Token()));
        using var outside = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = site.Gateway.Address };
        foreach (var path in (string[])["/healthz", "/readyz", "/metrics", "/v1/sessions"])
        {
            using var answer = await outside.GetAsync(new Uri(path, UriKind.Relative), Limits.Token());
            Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        }
    }

    [Fact]
    public async Task A_configuration_that_does_not_load_is_seen_in_readiness_and_metrics()
    {
        await using var site = await Site.StartAsync(Options);
        using var admin = await AdminAsync(site);
        Assert.Equal("ok", (string?)(await admin.GetFromJsonAsync<JsonNode>("/readyz", Limits.Token()))!["configuration"]);

        site.Edit(text => text.Replace("mode: enforce", "mode: enforced", StringComparison.Ordinal));
        string? said;
        do
        {
            await Task.Delay(Limits.Poll, Limits.Token());
            said = (string?)(await admin.GetFromJsonAsync<JsonNode>("/readyz", Limits.Token()))!["configuration"];
        }
        while (said == "ok");

        Assert.Contains("policies.default.mode: expected enforce or observe or open, got 'enforced'", said, StringComparison.Ordinal);
        var metrics = await admin.GetStringAsync("/metrics", Limits.Token());
        Assert.Contains("fairlead_config_refused_total 1\n", metrics, StringComparison.Ordinal);
        Assert.Contains("fairlead_config_current 0\n", metrics, StringComparison.Ordinal);
    }

    /// <summary>Read by the parser of Prometheus' own client library.</summary>
    [Fact]
    public async Task Metrics_are_what_Prometheus_reads()
    {
        await using var site = await Site.StartAsync(Options);
        using var admin = await AdminAsync(site);
        using var client = ProxiedHttp.Client(site.Relay, HttpVersion.Version11);
        _ = await client.GetStringAsync(new Uri("https://origin.test/status/200"), Limits.Token());
        using var denied = await client.GetAsync(new Uri("https://denied.test/"), Limits.Token());
        string metrics;
        do
        {
            await Task.Delay(Limits.Poll, Limits.Token());
            metrics = await admin.GetStringAsync("/metrics", Limits.Token());
        }
        while (!metrics.Contains("outcome=\"denied\"} 1\n", StringComparison.Ordinal));

        await File.WriteAllTextAsync(site.Folder.File("metrics"), metrics, Limits.Token());
        var script = $"import sys; from prometheus_client.parser import text_string_to_metric_families as f; [print(s.name, sorted(s.labels.items()), s.value) for m in f(open('{site.Folder.File("metrics")}').read()) for s in m.samples]";
        var read = await site.RunAsync("/usr/bin/python3", "-c", script);

        Assert.True(read.ExitCode == 0, read.Stderr);
        foreach (var line in (string[])[
            "fairlead_requests_total [('decision', 'allow'), ('outcome', 'completed'), ('status', '2xx')] 1.0",
            "fairlead_requests_total [('decision', 'deny'), ('outcome', 'denied'), ('status', '4xx')] 1.0",
            "fairlead_request_duration_seconds_count [('phase', 'total')] 1.0",
            "fairlead_audit_writable [] 1.0",
        ]) Assert.Contains(line + "\n", read.Stdout, StringComparison.Ordinal);
        foreach (var name in (string[])["fairlead_ca_not_after_timestamp_seconds [('fingerprint', ", "process_resident_memory_bytes [] ", "process_cpu_seconds_total [] ", "fairlead_build_info [('version', "]) Assert.Contains("\n" + name, read.Stdout, StringComparison.Ordinal);
        Assert.DoesNotContain("origin.test", metrics, StringComparison.Ordinal);
    }

    private static async Task<HttpClient> AdminAsync(Site site)
    {
        var address = await site.Gateway.Program.Stdout.WaitForAsync(text => Administration().Match(text) is { Success: true } match ? match.Groups[1].Value : null, Limits.Token());
        return new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = new Uri(address), DefaultRequestHeaders = { Authorization = new("Bearer", "FAKE-admin-token") } };
    }

    [GeneratedRegex(@"administration on (http://\S+)\s")]
    private static partial Regex Administration();
}
