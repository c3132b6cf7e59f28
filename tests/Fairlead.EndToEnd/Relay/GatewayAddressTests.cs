using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Relay;

/// <summary>Where a gateway may live: behind TLS with a root of its own, below a path, or both.</summary>
public sealed class GatewayAddressTests
{
    [Theory]
    [InlineData(false, "/edge")]
    [InlineData(true, "")]
    [InlineData(true, "/edge/of/town")]
    public async Task The_relay_finds_its_gateway(bool overTls, string prefix)
    {
        await using var site = await Site.StartAsync(new SiteOptions { GatewayOverTls = overTls, Prefix = prefix });

        var result = await site.RunAsync("curl", "-sS", "https://origin.test/echo/address");

        Assert.Equal("/echo/address", (string?)result.Json["target"]);
    }

    [Fact]
    public async Task What_the_relay_forgets_of_trust_its_command_keeps()
    {
        await using var site = await Site.StartAsync(new SiteOptions { GatewayOverTls = true });
        var environment = site.RunEnvironment();
        environment["SSL_CERT_DIR"] = "/etc/ssl/certs";

        var variables = RunCommand.Variables(await RunCommand.RunAsync(site, environment, "--", "env"));

        Assert.Equal("/etc/ssl/certs", variables["SSL_CERT_DIR"]);
        Assert.Equal(environment["FAIRLEAD_CA_BUNDLE"], variables["SSL_CERT_FILE"]);
    }

    [Fact]
    public async Task A_gateway_whose_root_is_not_trusted_is_not_used()
    {
        await using var site = await Site.StartAsync(new SiteOptions { GatewayOverTls = true });
        var environment = site.RunEnvironment();
        environment.Remove("FAIRLEAD_GATEWAY_CA");

        var result = await RunCommand.RunAsync(site, environment, "--", "echo", "started");

        Assert.Equal(78, result.ExitCode);
        Assert.Empty(result.Stdout);
    }

    [Fact]
    public async Task A_wrong_token_opens_no_tunnel()
    {
        await using var site = await Site.StartAsync();
        var environment = site.RunEnvironment();
        await File.WriteAllTextAsync(environment["FAIRLEAD_TOKEN_FILE"], "FAKE-wrong-token-for-tests", Limits.Token());

        var result = await RunCommand.RunAsync(site, environment, "--", "curl", "-sS", "-w", "%{http_connect}", "https://origin.test/echo/wrong-token");

        Assert.Equal("502", result.Failed().Stdout);
        Assert.Empty(site.Origin.Requests.For("/echo/wrong-token"));
    }
}
