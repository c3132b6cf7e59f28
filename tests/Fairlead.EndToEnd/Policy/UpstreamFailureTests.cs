using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Policy;

/// <summary>An upstream that fails is told apart from a refusal, and each way of failing from the others.</summary>
public sealed class UpstreamFailureTests(SharedSite shared)
{
    private readonly Site _site = shared.Site;

    [Theory]
    [InlineData("https://expired.test/echo/expired", "TLS", "expired")]
    [InlineData("https://wrong-name.test/echo/wrong-name", "TLS", "name")]
    [InlineData("https://untrusted.test/echo/untrusted", "TLS", "root")]
    [InlineData("https://dead.test/", "connect", "refused")]
    [InlineData("https://nowhere.invalid/", "DNS", "nowhere.invalid")]
    [InlineData("https://origin.test/abort/at-once", "", "origin.test")]
    public async Task A_failed_upstream_is_a_502_that_names_the_hop_and_the_reason(string url, string hop, string reason)
    {
        var result = await _site.RunAsync("curl", "-sSi", url);

        Assert.Contains("HTTP/2 502", result.Succeeded().Stdout, StringComparison.Ordinal);
        Assert.Contains(hop, result.Stdout, StringComparison.Ordinal);
        Assert.Contains(reason, result.Stdout, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("fairlead-deny", result.Stdout, StringComparison.OrdinalIgnoreCase);
        var uri = new Uri(url);
        var record = Assert.Single(await _site.Audit.WaitForAsync(
            1, r => AuditLog.Text(r, "type") == "request" && AuditLog.Text(r, "host") == uri.Host && AuditLog.Text(r, "path") == uri.AbsolutePath, Limits.Token()));
        Assert.Equal("502", AuditLog.Text(record, "status"));
    }
}
