using System.Text.Json.Nodes;
using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.AuditTrail;

/// <summary>What is kept of a session that is captured, what is not, and what a reader of HTTP Archives says to it.</summary>
public sealed class CaptureTests
{
    private const string Token = "FAKE-token-of-the-captured-session";
    private const string OwnSecret = "FAKE-own-secret-of-the-workload";

    [Fact]
    public async Task A_captured_session_is_an_archive_that_validates_and_has_no_secret()
    {
        await using var site = await Site.StartAsync(Captured("{ bodies: true, max_body: 4KiB }"));
        var relay = await site.StartRelayAsync("captured", Token);
        (await site.RunAsync(
            relay, "curl", "-sS", "-H", $"Authorization: Bearer {OwnSecret}", "-H", $"Cookie: sid={OwnSecret}", "-H", "X-Note: kept", "-H", "Content-Type: application/json",
            "-d", $$"""{"note":"kept","password":"{{OwnSecret}}"}""", $"https://api.datadoghq.com/echo/one?page=2&api_key={OwnSecret}")).Succeeded();
        (await site.RunAsync(relay, "curl", "-sS", "-H", "Expect:", "--data-binary", new string('x', 50_000), "https://origin.test/echo/large")).Succeeded();
        (await site.RunAsync(relay, "curl", "-sS", "https://origin.test/echo/forbidden/no")).Succeeded();
        (await site.RunAsync("curl", "-sS", "https://origin.test/echo/other-session")).Succeeded();
        await site.Audit.WaitForAsync(4, r => AuditLog.Text(r, "type") == "request", Limits.Token());

        var har = await ExportAsync(site, "--har");

        var entries = har["log"]!["entries"]!.AsArray().ToDictionary(e => new Uri(e!["request"]!["url"]!.GetValue<string>()).AbsolutePath, e => e!);
        Assert.Equal(["/echo/forbidden/no", "/echo/large", "/echo/one", "/echo/other-session"], entries.Keys.Order(StringComparer.Ordinal));
        var one = entries["/echo/one"]["request"]!;
        Assert.Equal("https://api.datadoghq.com/echo/one?page=2&api_key=***", one["url"]!.GetValue<string>());
        Assert.Equal("""{"note":"kept","password":"***"}""", one["postData"]!["text"]!.GetValue<string>());
        var headers = one["headers"]!.AsArray().ToDictionary(h => h!["name"]!.GetValue<string>().ToLowerInvariant(), h => h!["value"]!.GetValue<string>());
        Assert.Equal(("***", "***", "***", "kept"), (headers["authorization"], headers["cookie"], headers["dd-api-key"], headers["x-note"]));
        Assert.Contains("kept", entries["/echo/one"]["response"]!["content"]!["text"]!.GetValue<string>(), StringComparison.Ordinal);
        var large = entries["/echo/large"]["request"]!;
        Assert.Equal((4096, 50_000), (large["postData"]!["text"]!.GetValue<string>().Length, large["bodySize"]!.GetValue<int>()));
        Assert.Contains("truncated", large["postData"]!["comment"]!.GetValue<string>(), StringComparison.Ordinal);
        Assert.Contains("policy 'default' refuses", entries["/echo/forbidden/no"]["response"]!["content"]!["text"]!.GetValue<string>(), StringComparison.Ordinal);
        Assert.Equal("not captured", entries["/echo/other-session"]["request"]!["comment"]!.GetValue<string>());

        var captures = site.Audit.File + ".captures";
        var kept = await File.ReadAllTextAsync(captures, Limits.Token());
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(captures));
        foreach (var secret in (string[])[OwnSecret, TestSecrets.Datadog, Token])
        {
            Assert.DoesNotContain(secret, kept, StringComparison.Ordinal);
            Assert.DoesNotContain(secret, har.ToJsonString(), StringComparison.Ordinal);
        }

        // What was changed in it is none of the record's any more.
        await File.WriteAllTextAsync(captures, kept.Replace("\"note", "\"vote", StringComparison.Ordinal).Replace("note\\u0022", "vote\\u0022", StringComparison.Ordinal), Limits.Token());
        var again = (await ExportAsync(site, "--har"))["log"]!["entries"]!.AsArray();
        Assert.Equal("not captured", again.Single(e => e!["request"]!["url"]!.GetValue<string>().EndsWith("/echo/one", StringComparison.Ordinal))!["request"]!["comment"]!.GetValue<string>());
    }

    [Fact]
    public async Task A_stream_is_not_held_up_and_heads_alone_are_kept_where_that_is_all_that_is_wanted()
    {
        await using var site = await Site.StartAsync(Captured("{ bodies: false }"));
        var relay = await site.StartRelayAsync("captured", Token);
        (await site.RunAsync(relay, "curl", "-sS", "-d", "a body", "https://origin.test/echo/heads")).Succeeded();
        await site.Audit.RequestAsync("/echo/heads", Limits.Token());

        var kept = JsonNode.Parse(await File.ReadAllTextAsync(site.Audit.File + ".captures", Limits.Token()))!;

        Assert.Null(kept["sent"]!["body"]);
        Assert.NotEmpty(kept["received"]!["headers"]!.AsArray());
        await ExportAsync(site, "--har");
    }

    [Fact]
    public async Task Events_of_OCSF_have_what_the_class_requires()
    {
        await using var site = await Site.StartAsync();
        await site.RunAsync("curl", "-sS", "-d", "12345", "https://api.datadoghq.com/echo/a");
        await site.RunAsync("curl", "-sS", "-X", "PATCH", "https://origin.test/echo/forbidden/b");
        await site.Audit.WaitForAsync(2, r => AuditLog.Text(r, "type") == "request", Limits.Token());

        var exported = await site.AskGatewayAsync("", "audit", "export", "state/audit.jsonl", "--ocsf");

        exported.Succeeded();
        var events = exported.Stdout.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonNode.Parse(l)!).ToArray();
        Assert.Equal(2, events.Length);
        foreach (var e in events)
        {
            // Required by the base event and the class, as published for 1.3: https://schema.ocsf.io/1.3.0/classes/http_activity
            foreach (var name in (string[])["activity_id", "category_uid", "class_uid", "metadata", "severity_id", "time", "type_uid", "http_request", "http_response", "dst_endpoint"]) Assert.NotNull(e[name]);
            foreach (var name in (string[])["product", "version"]) Assert.NotNull(e["metadata"]![name]);
            Assert.NotNull(e["metadata"]!["product"]!["vendor_name"]);
            Assert.Equal((4, 4002, 400_200 + e["activity_id"]!.GetValue<int>()), (e["category_uid"]!.GetValue<int>(), e["class_uid"]!.GetValue<int>(), e["type_uid"]!.GetValue<int>()));
            Assert.IsType<long>(e["time"]!.GetValue<long>());
        }

        Assert.Equal([(6, 1, 200), (99, 2, 403)], events.Select(e => (e["activity_id"]!.GetValue<int>(), e["action_id"]!.GetValue<int>(), e["http_response"]!["code"]!.GetValue<int>())));
        Assert.Equal("PATCH", events[1]["activity_name"]!.GetValue<string>());
    }

    private static SiteOptions Captured(string capture) => new()
    {
        Sessions = [$"{{ id: captured, token: {{ from: file, path: ./captured.token }}, policy: default, credentials: [datadog, github], capture: {capture} }}"],
        Files = new Dictionary<string, string> { ["captured.token"] = Token },
    };

    private static async Task<JsonNode> ExportAsync(Site site, string form)
    {
        var exported = await site.AskGatewayAsync("", "audit", "export", "state/audit.jsonl", form);
        exported.Succeeded();
        var file = site.Folder.Write("export.har", exported.Stdout);
        await using var validator = RunningProgram.Start("node", [Repository.Script("validate-har.mjs"), file], ToolEnvironment.Clean(site.Folder.Folder("validator")), site.Folder.Path);
        (await validator.WaitAsync(Limits.Token())).Succeeded();
        return JsonNode.Parse(exported.Stdout)!;
    }
}
