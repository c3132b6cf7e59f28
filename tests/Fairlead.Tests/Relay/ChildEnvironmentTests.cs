using Fairlead.Relay;
using Fairlead.Relay.Trust;

namespace Fairlead.Tests.Relay;

public sealed class ChildEnvironmentTests
{
    [Fact]
    public void A_tool_gets_exactly_the_eight_variables_of_the_protocol()
    {
        var variables = ChildEnvironment.For(4321, "list", "/b.crt");

        Assert.Equal(
            [
                ("HTTPS_PROXY", "http://127.0.0.1:4321"), ("https_proxy", "http://127.0.0.1:4321"), ("NO_PROXY", "list"), ("no_proxy", "list"),
                ("SSL_CERT_FILE", "/b.crt"), ("NODE_EXTRA_CA_CERTS", "/b.crt"), ("REQUESTS_CA_BUNDLE", "/b.crt"), ("CURL_CA_BUNDLE", "/b.crt"),
            ],
            variables);
    }

    [Theory]
    [InlineData(null, null, "localhost,127.0.0.1,::1,169.254.0.0/16,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,anthropic.com,.anthropic.com,*.anthropic.com,gw.test")]
    [InlineData("a.test", null, "localhost,127.0.0.1,::1,169.254.0.0/16,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,anthropic.com,.anthropic.com,*.anthropic.com,gw.test,a.test")]
    [InlineData(null, "only.test", "only.test")]
    [InlineData("a.test", "only.test", "only.test,a.test")]
    [InlineData(null, "", "")]
    public void NO_PROXY_is_the_default_the_gateway_s_host_and_what_was_added(string? added, string? instead, string expected) =>
        Assert.Equal(expected, ChildEnvironment.NoProxy("gw.test", added, instead));

    [Fact]
    public void Exported_values_are_quoted_for_a_shell() =>
        Assert.Equal("export A='it'\\''s $HOME'\n", StateFile.Export([("A", "it's $HOME")]));
}
