using Fairlead.Relay;
using Fairlead.Relay.Trust;

namespace Fairlead.Tests.Relay;

public sealed class ChildEnvironmentTests
{
    [Fact]
    public void A_tool_gets_the_eight_variables_of_the_protocol_and_those_of_tools_that_read_none_of_them()
    {
        var variables = ChildEnvironment.For(4321, "list", "/b.crt");

        Assert.Equal(
            [
                ("HTTPS_PROXY", "http://127.0.0.1:4321"), ("https_proxy", "http://127.0.0.1:4321"), ("NO_PROXY", "list"), ("no_proxy", "list"),
                ("SSL_CERT_FILE", "/b.crt"), ("NODE_EXTRA_CA_CERTS", "/b.crt"), ("REQUESTS_CA_BUNDLE", "/b.crt"), ("CURL_CA_BUNDLE", "/b.crt"),
                ("GIT_SSL_CAINFO", "/b.crt"), ("PIP_CERT", "/b.crt"), ("AWS_CA_BUNDLE", "/b.crt"), ("CARGO_HTTP_CAINFO", "/b.crt"), ("DENO_CERT", "/b.crt"),
                ("BUNDLE_SSL_CA_CERT", "/b.crt"), ("HEX_CACERTS_PATH", "/b.crt"), ("NIX_SSL_CERT_FILE", "/b.crt"),
                ("CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE", "/b.crt"), ("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", "/b.crt"), ("HTTPLIB2_CA_CERTS", "/b.crt"),
                ("NODE_USE_ENV_PROXY", "1"),
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
    public void An_environment_file_has_plain_lines() => Assert.Equal("A=it's $HOME\nB=\n", StateFile.Lines([("A", "it's $HOME"), ("B", "")]));

    [Fact]
    public void Exported_values_are_quoted_for_a_shell() =>
        Assert.Equal("export A='it'\\''s $HOME'\n", StateFile.Export([("A", "it's $HOME")]));
}
