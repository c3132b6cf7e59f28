using Fairlead.Relay.Tunnel;
using Fairlead.Wire;

namespace Fairlead.Tests.Relay;

public sealed class EgressProxyTests
{
    [Theory]
    [InlineData("*", "gw.example.com:443", true)]
    [InlineData("gw.example.com", "gw.example.com:443", true)]
    [InlineData("GW.Example.COM.", "gw.example.com:443", true)]
    [InlineData("example.com", "gw.example.com:443", true)]
    [InlineData("ample.com", "gw.example.com:443", false)]
    [InlineData(".example.com", "gw.example.com:443", true)]
    [InlineData(".example.com", "example.com:443", false)]
    [InlineData("*.example.com", "gw.example.com:443", true)]
    [InlineData("*.example.com", "example.com:443", false)]
    [InlineData("a, b gw.example.com", "gw.example.com:443", true)]
    [InlineData("gw.example.com:443", "gw.example.com:443", true)]
    [InlineData("gw.example.com:8443", "gw.example.com:443", false)]
    [InlineData(".example.com:443", "gw.example.com:443", true)]
    [InlineData("10.0.0.0/8", "10.1.2.3:80", true)]
    [InlineData("10.0.0.0/8", "11.1.2.3:80", false)]
    [InlineData("10.1.2.3", "10.1.2.3:80", true)]
    [InlineData("10.1.2.3:81", "10.1.2.3:80", false)]
    [InlineData("fd00::/8", "[fd00::1]:80", true)]
    [InlineData("[fd00::1]:80", "[fd00::1]:80", true)]
    [InlineData("fd00::1", "[fd00::1]:80", true)]
    [InlineData("3", "10.1.2.3:80", false)]
    [InlineData("", "gw.example.com:443", false)]
    [InlineData(",;bad/x,**", "gw.example.com:443", false)]
    public void NO_PROXY_exempts(string list, string destination, bool expected)
    {
        Assert.True(HostPort.TryParse(destination, out var parsed, out _));

        Assert.Equal(expected, EgressProxy.IsExempt(list, parsed));
    }

    [Theory]
    [InlineData("https://gw.test", "HTTPS_PROXY", true)]
    [InlineData("https://gw.test", "https_proxy", true)]
    [InlineData("https://gw.test", "HTTP_PROXY", false)]
    [InlineData("http://gw.test", "http_proxy", true)]
    [InlineData("http://gw.test", "HTTPS_PROXY", false)]
    [InlineData("http://127.0.0.1:8080", "HTTP_PROXY", false)]
    [InlineData("http://localhost", "HTTP_PROXY", false)]
    [InlineData("http://[::1]:8080", "HTTP_PROXY", false)]
    public void The_proxy_is_that_of_the_gateway_s_scheme_and_never_for_this_machine(string gateway, string variable, bool isUsed)
    {
        Assert.True(GatewayAddress.TryParse(gateway, out var address, out _));

        Assert.True(EgressProxy.TryFind(address, new Dictionary<string, string> { [variable] = "http://proxy.test:3128" }, out var proxy, out _));

        Assert.Equal(isUsed ? "proxy.test:3128" : null, proxy?.Endpoint.ToString());
    }

    [Fact]
    public void Credentials_are_percent_decoded_part_by_part()
    {
        Assert.True(GatewayAddress.TryParse("http://gw.test", out var address, out _));

        Assert.True(EgressProxy.TryFind(address, new Dictionary<string, string> { ["HTTP_PROXY"] = "http://us%3Aer:p%40ss%3aw@proxy.test:3128" }, out var proxy, out _));

        Assert.Equal(Convert.ToBase64String("us:er:p@ss:w"u8), proxy!.BasicCredentials);
    }

    [Theory]
    [InlineData("socks5://u:hidden@proxy.test:1080")]
    [InlineData("http://u:hidden@pro xy:1")]
    public void A_proxy_that_cannot_be_understood_is_an_error_that_does_not_show_it(string value)
    {
        Assert.True(GatewayAddress.TryParse("http://gw.test", out var address, out _));

        Assert.False(EgressProxy.TryFind(address, new Dictionary<string, string> { ["HTTP_PROXY"] = value }, out _, out var problem));

        Assert.Contains("HTTP_PROXY", problem, StringComparison.Ordinal);
        Assert.DoesNotContain("hidden", problem, StringComparison.Ordinal);
    }
}
