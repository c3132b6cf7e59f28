using System.Text.Json.Nodes;
using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Policy;

/// <summary>Every tunnel and every request leaves exactly one record, on every path. That each is valid is checked when a site ends.</summary>
public sealed class AuditTests
{
    [Fact]
    public async Task A_tunnel_with_three_requests_is_one_record_and_three()
    {
        await using var site = await Site.StartAsync();

        var result = await site.RunAsync(
            "curl", "-sS", "-H", "DD-API-KEY: made-up", "-d", "12345", "https://api.datadoghq.com/echo/one?api_key=hidden", "https://api.datadoghq.com/echo/two",
            "https://api.datadoghq.com/status/204");

        result.Succeeded();
        var records = await RecordsAsync(site, 4);
        var tunnel = Assert.Single(records, r => Text(r, "type") == "tunnel");
        var requests = records.Where(r => Text(r, "type") == "request").ToArray();
        Assert.Equal(["/echo/one", "/echo/two", "/status/204"], requests.Select(r => Text(r, "path")));
        Assert.All(records, r => Assert.Equal("demo", Text(r, "session")));
        Assert.All(records, r => Assert.Equal("api.datadoghq.com", Text(r, "host")));
        Assert.All(requests, r => Assert.Equal(Text(tunnel, "tunnel"), Text(r, "tunnel")));
        Assert.All(requests, r => Assert.Equal("POST", Text(r, "method")));
        Assert.All(requests, r => Assert.Equal("allow", Text(r, "decision")));
        Assert.All(requests, r => Assert.Equal("allow GET,POST api.datadoghq.com/**", Text(r, "rule")));
        Assert.All(requests, r => Assert.Equal("""["datadog"]""", r["credentials"]!.ToJsonString()));
        Assert.Equal(["200", "200", "204"], requests.Select(r => Text(r, "status")));
        Assert.Equal("5", Text(requests[0], "bytes_in"));
        Assert.DoesNotContain("hidden", await File.ReadAllTextAsync(site.Audit.File, Limits.Token()), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_way_to_end_leaves_one_record()
    {
        await using var site = await Site.StartAsync();
        // One tool each, so one tunnel each: answered, denied, misdirected, failed upstream, refused tunnel, broken answer, refused TLS.
        await site.RunAsync("curl", "-sS", "https://origin.test/echo/answered");
        await site.RunAsync("curl", "-sS", "https://origin.test/echo/forbidden/denied");
        await site.RunAsync("curl", "-sS", "-H", "Host: second.test", "https://origin.test/echo/misdirected");
        await site.RunAsync("curl", "-sS", "https://expired.test/echo/failed");
        await site.RunAsync("curl", "-sS", "--noproxy", "", "https://169.254.169.254/latest");
        site.Origin.Signals.Raise("break audit");
        await site.RunAsync("curl", "-sS", "https://origin.test/abort/length/audit");
        await site.RunAsync("curl", "-sS", "--cacert", "/dev/null", "https://origin.test/echo/never-sent");

        var records = await RecordsAsync(site, 12);

        Assert.Equal(7, records.Count(r => Text(r, "type") == "tunnel"));
        Assert.Equal(
            ["/abort/length/audit", "/echo/answered", "/echo/failed", "/echo/forbidden/denied", "/echo/misdirected"],
            records.Where(r => Text(r, "type") == "request").Select(r => Text(r, "path")).Order());
    }

    [Fact]
    public async Task Many_requests_at_once_are_as_many_records()
    {
        const int Count = 300;
        await using var site = await Site.StartAsync();
        using var client = ProxiedHttp.Client(site.Relay, Version.Parse("2.0"));

        await Task.WhenAll(Enumerable.Range(0, Count).Select(number => client.GetStringAsync(new Uri($"https://origin.test/echo/{number}"), Limits.Token())));
        client.Dispose();

        var records = await site.Audit.WaitForAsync(Count, r => Text(r, "type") == "request", Limits.Token());
        Assert.Equal(Count, records.Count);
        Assert.Equal(Count, records.Select(r => Text(r, "path")).Distinct().Count());
        Assert.Equal(Count, records.Select(r => Text(r, "request")).Distinct().Count());
    }

    [Fact]
    public async Task A_gateway_that_is_stopped_records_what_was_open()
    {
        await using var site = await Site.StartAsync();
        await using var curl = site.Start("curl", "-sS", "https://origin.test/never/stopped");
        await site.Origin.Signals.WaitAsync("arrived stopped", Limits.Token());

        site.Gateway.Program.Terminate();

        (await curl.WaitAsync(Limits.Token())).Failed();
        await site.Gateway.Program.WaitAsync(Limits.Token());
        var records = await site.Audit.ReadAsync(Limits.Token());
        Assert.Equal(["request", "tunnel"], records.Select(r => Text(r, "type")).Order());
    }

    private static string? Text(JsonNode record, string field) => AuditLog.Text(record, field);

    /// <summary>Waits for as many records as expected, then stops the gateway, after which none can follow.</summary>
    private static async Task<IReadOnlyList<JsonNode>> RecordsAsync(Site site, int count)
    {
        await site.Audit.WaitForAsync(count, _ => true, Limits.Token());
        await site.Gateway.StopAsync(Limits.Token());
        var records = await site.Audit.ReadAsync(Limits.Token());
        Assert.Equal(count, records.Count);
        return records;
    }
}
