using System.Text;
using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Http;

/// <summary>A tunnel leads to one host: nothing said inside it leads elsewhere.</summary>
public sealed class MisdirectedRequestTests(SharedSite shared)
{
    private readonly Site _site = shared.Site;

    [Theory]
    [InlineData("--http1.1")]
    [InlineData("--http2")]
    public async Task Another_host_is_misdirected(string option)
    {
        var result = await _site.RunAsync(
            "curl", "-sS", option, "-o", "/dev/null", "-w", "%{http_code}", "-H", "Host: second.test", $"https://origin.test/echo/misdirected{option}");

        Assert.Equal("421", result.Succeeded().Stdout);
        Assert.Empty(_site.Origin.Requests.For($"/echo/misdirected{option}"));
    }

    [Theory]
    [InlineData("CONNECT origin.test:443 HTTP/1.1\r\nHost: origin.test:443\r\n\r\n")]
    [InlineData("TRACE /echo/trace HTTP/1.1\r\nHost: origin.test\r\n\r\n")]
    public async Task Connect_and_trace_are_not_allowed_inside_a_tunnel(string request)
    {
        await using var tunnel = await TunnelSocket.OpenTlsAsync(_site.Relay, "origin.test", Limits.Token());

        await tunnel.WriteAsync(Encoding.ASCII.GetBytes(request), Limits.Token());

        Assert.StartsWith("HTTP/1.1 405 ", await TunnelSocket.ReadHeadAsync(tunnel, Limits.Token()), StringComparison.Ordinal);
        Assert.Empty(_site.Origin.Requests.For("/echo/trace"));
    }

    [Fact]
    public async Task An_absolute_target_of_another_host_is_refused()
    {
        await using var tunnel = await TunnelSocket.OpenTlsAsync(_site.Relay, "origin.test", Limits.Token());

        await tunnel.WriteAsync("GET https://second.test/echo/absolute HTTP/1.1\r\nHost: second.test\r\n\r\n"u8.ToArray(), Limits.Token());

        Assert.StartsWith("HTTP/1.1 421 ", await TunnelSocket.ReadHeadAsync(tunnel, Limits.Token()), StringComparison.Ordinal);
    }
}
