using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Http;

/// <summary>Signatures and package names depend on the exact spelling of a path.</summary>
public sealed class PathTests(SharedSite shared)
{
    [Theory]
    [InlineData("--http1.1")]
    [InlineData("--http2")]
    public async Task A_path_reaches_the_origin_byte_by_byte(string option)
    {
        const string Target = "/echo/a%2fb/%7e//x%41/@scope%2fname;v=1/%E4%BD?q=%20&r=a+b&%7E=//";

        var result = await shared.Site.RunAsync("curl", "-sS", "--path-as-is", option, "https://origin.test" + Target);

        Assert.Equal(Target, (string?)result.Json["target"]);
    }

    [Theory]
    [InlineData("--http1.1")]
    [InlineData("--http2")]
    public async Task A_long_path_and_a_long_header_pass(string option)
    {
        var target = "/echo/" + new string('p', 16_000);
        var value = new string('h', 16_000);

        var result = await shared.Site.RunAsync("curl", "-sS", option, "-H", "X-Long: " + value, "https://origin.test" + target);

        Assert.Equal(target, (string?)result.Json["target"]);
        Assert.Equal(value, (string?)result.Json["headers"]!["x-long"]![0]);
    }

    [Fact]
    public async Task The_gateways_own_endpoints_are_ordinary_paths_inside_a_tunnel()
    {
        var result = await shared.Site.RunAsync(
            "curl", "-sS", "https://origin.test/v1/code/upstreamproxy/ws", "https://origin.test/v1/code/upstreamproxy/ca-cert");

        Assert.Equal("originorigin", result.Succeeded().Stdout);
    }
}
