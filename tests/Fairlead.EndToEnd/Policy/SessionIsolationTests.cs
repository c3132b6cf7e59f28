using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Policy;

public sealed class SessionIsolationTests
{
    private const string Path = "/status/200/isolation";

    [Theory]
    [InlineData("1.1")]
    [InlineData("2.0")]
    public async Task Sessions_with_different_credentials_never_share_an_upstream_connection(string version)
    {
        await using var site = await Site.StartAsync();
        var other = await site.StartRelayAsync("other");
        using var first = ProxiedHttp.Client(site.Relay, Version.Parse(version));
        using var second = ProxiedHttp.Client(other, Version.Parse(version));

        await Task.WhenAll(Enumerable.Range(0, 20).Select(async number =>
        {
            var client = number % 2 == 0 ? first : second;
            using var response = await client.GetAsync(new Uri("https://api.datadoghq.com" + Path), Limits.Token());
            response.EnsureSuccessStatusCode();
        }));

        var keysByConnection = site.Origin.Requests.For(Path).GroupBy(r => r.Connection, r => Assert.Single(r.Values("DD-API-KEY"))).ToArray();
        Assert.Equal(20, keysByConnection.Sum(keys => keys.Count()));
        Assert.All(keysByConnection, keys => Assert.Single(keys.Distinct()));
        Assert.Equal([TestSecrets.Datadog, TestSecrets.OtherDatadog], keysByConnection.Select(keys => keys.First()).Distinct().Order());
    }

    [Fact]
    public async Task A_session_gets_no_credential_of_another()
    {
        await using var site = await Site.StartAsync();
        var other = await site.StartRelayAsync("other");

        (await site.RunAsync(other, "curl", "-sS", "--fail", "https://api.github.com" + Path)).Succeeded();

        Assert.Empty(site.Origin.Requests.Single(Path).Values("Authorization"));
    }
}
