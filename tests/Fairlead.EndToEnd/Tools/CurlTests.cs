using Fairlead.EndToEnd.Harness;
using Fairlead.EndToEnd.Origins;

namespace Fairlead.EndToEnd.Tools;

public sealed class CurlTests(SharedSite shared)
{
    private readonly Site _site = shared.Site;

    [Theory]
    [InlineData("--http1.1", "HTTP/1.1")]
    [InlineData("--http2", "HTTP/2")]
    public async Task Curl_gets_through(string option, string protocol)
    {
        var result = await _site.RunAsync("curl", "-sS", option, "https://origin.test/echo/curl?x=1");

        var echo = result.Json;
        Assert.Equal(protocol, (string?)echo["protocol"]);
        Assert.Equal("/echo/curl?x=1", (string?)echo["target"]);
        Assert.Equal("origin.test", (string?)echo["host"]);
    }

    [Theory]
    [InlineData("--http1.1")]
    [InlineData("--http2")]
    public async Task Curl_posts_a_body(string option)
    {
        var body = Path.Combine(_site.Folder.Path, $"body{option}");
        await File.WriteAllBytesAsync(body, TestPattern.Bytes(3_000_001), Limits.Token());

        var result = await _site.RunAsync("curl", "-sS", option, "--data-binary", "@" + body, "https://origin.test/upload/curl");

        var echo = result.Json;
        Assert.Equal(3_000_001, (long?)echo["bodyBytes"]);
        Assert.Equal(TestPattern.Sha256(3_000_001), (string?)echo["bodySha256"]);
    }

    [Theory]
    [InlineData("--http1.1", "")]
    [InlineData("--http1.1", "?chunked")]
    [InlineData("--http2", "")]
    [InlineData("--http2", "?chunked")]
    public async Task Curl_downloads_the_same_bytes(string option, string query)
    {
        var result = await _site.RunAsync("curl", "-sS", option, $"https://origin.test/bytes/3000001{query}");

        Assert.Equal(TestPattern.Bytes(3_000_001), result.Succeeded().StdoutBytes);
    }

    [Fact]
    public async Task Curl_follows_a_redirect()
    {
        var result = await _site.RunAsync("curl", "-sS", "-L", "https://origin.test/redirect");

        Assert.Equal("/echo/redirected", (string?)result.Json["target"]);
    }

    [Fact]
    public async Task Curl_reuses_its_tunnel_for_a_second_request()
    {
        var result = await _site.RunAsync("curl", "-sSv", "https://origin.test/echo/first", "https://origin.test/echo/second");

        Assert.Contains("Re-using existing connection", result.Succeeded().Stderr, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Curl_reaches_an_address_without_a_server_name()
    {
        var result = await _site.RunAsync("curl", "-sS", "https://192.0.2.7/echo/address");

        Assert.Equal("192.0.2.7", (string?)result.Json["host"]);
    }
}
