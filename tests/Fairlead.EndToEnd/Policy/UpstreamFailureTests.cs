using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Policy;

/// <summary>An upstream that fails is told apart from a refusal, and each way of failing from the others.</summary>
public sealed class UpstreamFailureTests : IAsyncLifetime
{
    private Site _site = null!;

    public async ValueTask InitializeAsync() => _site = await Site.StartAsync(new SiteOptions
    {
        Rules = ["allow * dead.test/**", "allow * nowhere.invalid/**"],
        // Nothing listens on port 1.
        Resolve = new Dictionary<string, string> { ["dead.test"] = "127.0.0.1:1" },
    });

    [Theory]
    [InlineData("https://expired.test/echo", "TLS", "expired")]
    [InlineData("https://wrong-name.test/echo", "TLS", "name")]
    [InlineData("https://untrusted.test/echo", "TLS", "root")]
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

    public ValueTask DisposeAsync() => _site?.DisposeAsync() ?? ValueTask.CompletedTask;
}
