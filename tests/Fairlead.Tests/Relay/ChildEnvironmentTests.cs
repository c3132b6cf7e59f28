using Fairlead.Relay;
using Fairlead.Relay.Trust;

namespace Fairlead.Tests.Relay;

public sealed class ChildEnvironmentTests
{
    private static readonly TrustFacts Facts = new() { Port = 4321, NoProxy = "list", CaBundle = "/b.crt" };

    [Fact]
    public void A_child_gets_the_eight_variables_of_the_protocol_first() => Assert.Equal(
        [
            ("HTTPS_PROXY", "http://127.0.0.1:4321"), ("https_proxy", "http://127.0.0.1:4321"), ("NO_PROXY", "list"), ("no_proxy", "list"),
            ("SSL_CERT_FILE", "/b.crt"), ("NODE_EXTRA_CA_CERTS", "/b.crt"), ("REQUESTS_CA_BUNDLE", "/b.crt"), ("CURL_CA_BUNDLE", "/b.crt"),
        ],
        ChildEnvironment.For(Facts).Take(8));

    [Theory]
    [InlineData("GIT_SSL_CAINFO")]
    [InlineData("PIP_CERT")]
    [InlineData("AWS_CA_BUNDLE")]
    [InlineData("CARGO_HTTP_CAINFO")]
    [InlineData("DENO_CERT")]
    [InlineData("BUNDLE_SSL_CA_CERT")]
    [InlineData("HEX_CACERTS_PATH")]
    [InlineData("NIX_SSL_CERT_FILE")]
    [InlineData("CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE")]
    [InlineData("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH")]
    [InlineData("HTTPLIB2_CA_CERTS")]
    public void Tools_that_read_none_of_the_eight_find_the_bundle_in_their_own_variable(string name) =>
        Assert.Contains((name, "/b.crt"), ChildEnvironment.For(Facts));

    [Fact]
    public void No_variable_is_set_twice()
    {
        var names = ChildEnvironment.For(Facts).Select(variable => variable.Name).ToArray();

        Assert.Equal(names.Distinct(), names);
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
