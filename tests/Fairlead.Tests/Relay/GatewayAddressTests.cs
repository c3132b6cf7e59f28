using Fairlead.Relay.Tunnel;

namespace Fairlead.Tests.Relay;

public sealed class GatewayAddressTests
{
    [Theory]
    [InlineData("https://GW.example.com", "https://gw.example.com", "gw.example.com:443", "")]
    [InlineData("http://gw.example.com:8080/", "http://gw.example.com:8080", "gw.example.com:8080", "")]
    [InlineData("http://gw.example.com/a/b//", "http://gw.example.com/a/b", "gw.example.com:80", "/a/b")]
    [InlineData("http://[::1]:8080/x", "http://[::1]:8080/x", "[::1]:8080", "/x")]
    public void A_path_is_kept_as_prefix_without_trailing_slashes(string url, string shown, string endpoint, string prefix)
    {
        Assert.True(GatewayAddress.TryParse(url, out var address, out _));

        Assert.Equal((shown, endpoint, prefix), (address.ToString(), address.Endpoint.ToString(), address.PathPrefix));
    }

    [Theory]
    [InlineData("")]
    [InlineData("gw.example.com")]
    [InlineData("ftp://gw.example.com")]
    [InlineData("http://")]
    [InlineData("http://gw.example.com/?a=b")]
    [InlineData("http://user:hidden@gw.example.com/")]
    [InlineData("http://a b/")]
    public void What_is_no_gateway_s_address_is_refused(string url)
    {
        Assert.False(GatewayAddress.TryParse(url, out _, out var problem));

        Assert.DoesNotContain("hidden", problem, StringComparison.Ordinal);
    }
}
