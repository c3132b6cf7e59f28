using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Fairlead.EndToEnd.Harness;
using Fairlead.EndToEnd.Origins;

namespace Fairlead.EndToEnd.Tools;

public sealed class DotNetClientTests(SharedSite shared)
{
    [Theory]
    [InlineData("1.1", "HTTP/1.1")]
    [InlineData("2.0", "HTTP/2")]
    public async Task HttpClient_posts_and_reads(string version, string protocol)
    {
        using var client = ProxiedHttp.Client(shared.Site.Relay, Version.Parse(version));
        using var body = new ByteArrayContent(TestPattern.Bytes(500_000));

        using var response = await client.PostAsync(new Uri("https://origin.test/echo/dotnet"), body, Limits.Token());

        var echo = await response.Content.ReadFromJsonAsync<JsonNode>(Limits.Token());
        Assert.Equal(protocol, (string?)echo!["protocol"]);
        Assert.Equal(TestPattern.Sha256(500_000), (string?)echo["bodySha256"]);
    }

    [Fact]
    public async Task Trailers_arrive_over_http2()
    {
        using var client = ProxiedHttp.Client(shared.Site.Relay, Version.Parse("2.0"));

        using var response = await client.GetAsync(new Uri("https://origin.test/trailers"), Limits.Token());

        Assert.Equal("body", await response.Content.ReadAsStringAsync(Limits.Token()));
        Assert.Equal("4", Assert.Single(response.TrailingHeaders.GetValues("X-Sum")));
    }
}
