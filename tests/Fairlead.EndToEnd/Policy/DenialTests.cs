using System.Text.Json.Nodes;
using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Policy;

/// <summary>A refusal says who refused, by which rule, and how to find it in the audit.</summary>
public sealed class DenialTests(SharedSite shared)
{
    private const string Rule = "deny * origin.test/echo/forbidden/**";
    private readonly Site _site = shared.Site;

    [Theory]
    [InlineData("--http1.1")]
    [InlineData("--http2")]
    public async Task A_denied_request_is_answered_with_the_rule_and_the_request_id(string option)
    {
        var path = "/echo/forbidden/text" + option;

        var result = await _site.RunAsync("curl", "-sSi", option, $"https://origin.test{path}?token=hidden");

        var (head, body) = Split(result.Succeeded().Stdout);
        Assert.Contains(" 403", head.Split("\r\n")[0], StringComparison.Ordinal);
        Assert.Contains($"fairlead-deny: {Rule}\r\n", head, StringComparison.OrdinalIgnoreCase);
        var record = await _site.Audit.RequestAsync(path, Limits.Token());
        Assert.Contains($"fairlead-request: {record["request"]}\r\n", head, StringComparison.OrdinalIgnoreCase);
        Assert.Contains(Rule, body, StringComparison.Ordinal);
        Assert.Contains((string)record["request"]!, body, StringComparison.Ordinal);
        Assert.Equal("deny", (string?)record["decision"]);
        Assert.Equal(Rule, (string?)record["rule"]);
        Assert.DoesNotContain("hidden", body + record, StringComparison.Ordinal);
        Assert.Empty(_site.Origin.Requests.For($"{path}?token=hidden"));
    }

    [Fact]
    public async Task A_client_that_asks_for_json_gets_json()
    {
        var result = await _site.RunAsync("curl", "-sS", "-H", "Accept: application/json", "https://origin.test/echo/forbidden/json");

        Assert.Equal(Rule, (string?)result.Json["rule"]);
        Assert.NotNull((string?)result.Json["request_id"]);
    }

    [Fact]
    public async Task Deny_wins_over_allow()
    {
        var result = await _site.RunAsync(
            "curl", "-sS", "-o", "/dev/null", "-o", "/dev/null", "-w", "%{http_code}\n", "https://api.github.com/status/200/repos",
            "--next", "-sS", "-o", "/dev/null", "-w", "%{http_code}\n", "-X", "DELETE", "https://api.github.com/status/200/repos");

        Assert.Equal("200\n403\n", result.Succeeded().Stdout);
    }

    [Theory]
    [InlineData("PUT", "https://api.datadoghq.com/status/200/method")] // the rule names GET and POST
    [InlineData("GET", "https://second.test/echo/no-rule")]
    public async Task What_no_rule_allows_is_denied(string method, string url)
    {
        var result = await _site.RunAsync("curl", "-sS", "-X", method, "-H", "Accept: application/json", "-w", "\n%{http_code}", url);

        var lines = result.Succeeded().Stdout.Trim().Split('\n');
        Assert.Equal("403", lines[^1]);
        Assert.Equal("denied", (string?)JsonNode.Parse(string.Concat(lines[..^1]))!["error"]);
        Assert.DoesNotContain(_site.Origin.Requests.For(new Uri(url).PathAndQuery), r => r.Method == method);
    }

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("169.254.169.254")]
    [InlineData("10.0.0.1")]
    [InlineData("[::1]")]
    [InlineData("[::ffff:169.254.169.254]")]
    public async Task A_tunnel_to_a_forbidden_address_is_refused_before_it_is_open(string address)
    {
        var result = await _site.RunAsync("curl", "-sS", "-g", "--noproxy", "", "-w", "%{http_connect}", $"https://{address}/");

        Assert.Equal("403", result.Failed().Stdout);
    }

    private static (string Head, string Body) Split(string answer)
    {
        var end = answer.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4;
        // curl -i shows the proxy's answer to CONNECT first.
        if (answer[end..].StartsWith("HTTP/", StringComparison.Ordinal)) return Split(answer[end..]);
        return (answer[..end], answer[end..]);
    }
}
