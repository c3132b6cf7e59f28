using System.Globalization;
using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Reach;

/// <summary>Real tools, real TLS, and a gateway that does not open it.</summary>
public sealed class PassthroughTests
{
    private static readonly SiteOptions Options = new()
    {
        Policy = ["tls: { passthrough: [second.test, dead.test, origin.test] }"],
        Rules = ["allow * second.test"],
    };

    [Theory]
    [InlineData("--http1.1")]
    [InlineData("--http2")]
    public async Task A_tool_sees_the_upstreams_own_certificate(string version)
    {
        await using var site = await Site.StartAsync(Options);
        var root = site.Folder.File("state/origin-ca.pem");

        // With the gateway's root alone it fails, so it was not the gateway that spoke; with the upstream's it works.
        Assert.Equal(60, (await site.RunAsync("curl", "-sS", version, "https://second.test/echo/inside")).ExitCode);
        var seen = (await site.RunAsync("curl", "-sS", version, "--cacert", root, "https://second.test/echo/inside?secret=1")).Json;

        Assert.Equal("/echo/inside?secret=1", (string?)seen["target"]);
        var records = await site.Audit.WaitForAsync(1, r => (string?)r["passthrough"]?["rule"] == "allow * second.test" && (string?)r["outcome"] == "completed", Limits.Token());
        Assert.All(records, r => Assert.Equal(("tunnel", "second.test", "0"), (AuditLog.Text(r, "type"), AuditLog.Text(r, "host"), AuditLog.Text(r, "requests"))));
        Assert.DoesNotContain(await site.Audit.ReadAsync(Limits.Token()), r => AuditLog.Text(r, "type") == "request" && AuditLog.Text(r, "host") == "second.test");
        Assert.Contains("their TLS is not opened", site.Gateway.Program.Stderr.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/status/200/intercepted", 200)]
    [InlineData("/echo/forbidden/x", 403)]
    public async Task A_host_that_a_rule_may_refuse_is_intercepted(string path, int status)
    {
        await using var site = await Site.StartAsync(Options);

        var result = (await site.RunAsync("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", $"https://origin.test{path}")).Succeeded();

        Assert.Equal(status.ToString(CultureInfo.InvariantCulture), result.Stdout);
        await site.Audit.RequestAsync(path, Limits.Token());
    }

    [Fact]
    public async Task Another_name_inside_is_refused_by_an_alert_that_OpenSSL_reads()
    {
        await using var site = await Site.StartAsync(Options);
        var proxy = site.Relay.Proxy.Authority;

        var fronted = await site.RunAsync("openssl", "s_client", "-connect", "second.test:443", "-proxy", proxy, "-servername", "origin.test");
        var nameless = await site.RunAsync("openssl", "s_client", "-connect", "second.test:443", "-proxy", proxy, "-noservername");

        Assert.All(new[] { fronted, nameless }, r => Assert.Contains("unrecognized name", r.Failed().Stderr, StringComparison.Ordinal));
        var records = await site.Audit.WaitForAsync(2, r => AuditLog.Text(r, "outcome") == "server_name_mismatch", Limits.Token());
        Assert.Contains(records, r => AuditLog.Text(r, "detail") == "the tool asked by TLS for 'origin.test'");
    }

    [Fact]
    public async Task A_host_that_is_down_breaks_the_tunnel_and_the_status_says_why()
    {
        await using var site = await Site.StartAsync(Options);

        Assert.Equal(35, (await site.RunAsync("curl", "-sS", "https://dead.test/")).ExitCode);
        var status = (await site.RunAsync(Repository.Relay, "status")).Stdout;

        Assert.Contains("dead.test:443", status, StringComparison.Ordinal);
        Assert.Contains("connecting to dead.test:443 (127.0.0.1) failed: Connection refused", status, StringComparison.Ordinal);
        await site.Audit.WaitForAsync(1, r => AuditLog.Text(r, "outcome") == "upstream_connect" && AuditLog.Text(r, "type") == "tunnel", Limits.Token());
    }
}
