using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Streaming;

public sealed class ParallelTunnelTests(SharedSite shared)
{
    private const int Count = 200;

    [Fact]
    public async Task Two_hundred_tunnels_are_open_at_once()
    {
        using var client = ProxiedHttp.Client(shared.Site.Relay, Version.Parse("1.1"));

        // The origin answers nobody before the last has come, so each request needs a tunnel of its own.
        var answers = await Task.WhenAll(Enumerable.Range(0, Count).Select(
            _ => client.GetStringAsync(new Uri($"https://origin.test/barrier/{Count}/parallel"), Limits.Token())));

        Assert.All(answers, answer => Assert.Equal("parallel", answer));
        Assert.Equal(Count, shared.Site.Origin.Requests.For($"/barrier/{Count}/parallel").Select(r => r.Connection).Distinct().Count());
    }
}
