using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Reach;

/// <summary>A gateway whose only way to the world is Squid, in another network that alone knows the names.</summary>
public sealed class EgressProxyTests
{
    private const string ProxyAddress = "198.18.7.2";

    [Fact]
    public async Task A_gateway_reaches_the_world_through_a_proxy_and_tells_what_the_proxy_says()
    {
        await using var site = await ReachSite.StartAsync((_, _) => new DnsAnswer([]) { Code = 3 }, PrepareAsync);

        var (status, text) = await site.GetAsync("https://world.tools.test/echo/through-squid");
        Assert.True(status == 200, text);
        Assert.Contains("/echo/through-squid", text, StringComparison.Ordinal);
        // A name that the proxy resolves is never asked for here.
        Assert.Equal(0, site.Dns.TimesAsked("world.tools.test"));

        foreach (var (name, expected, said) in new[]
        {
            ("denied", 502, "(proxy): the gateway's proxy 198.18.7.2:3128 did not open a tunnel to denied.tools.test:443: it refuses this destination (403)"),
            ("dead", 502, "did not open a tunnel to dead.tools.test:443: it could not reach the destination (503)"),
            ("anonymous", 502, "it wants credentials (407), and upstream.proxies gives it none"),
            ("wrong", 502, "it does not take the credentials of upstream.proxies (407)"),
            ("direct", 502, "(DNS): DNS has no address for direct.tools.test"),
        })
        {
            var answer = await site.GetAsync($"https://{name}.tools.test/{name}");
            Assert.True(answer.Status == expected && answer.Text.Contains(said, StringComparison.Ordinal), $"{name}: {answer.Status} {answer.Text}");
            Assert.DoesNotContain("FAKE", answer.Text, StringComparison.Ordinal);
        }

        // A literal address is judged before the proxy hears of it.
        Assert.Equal(56, (await site.RunAsync("curl", "-sS", "--noproxy", "", "https://10.9.8.7/")).ExitCode);
    }

    private static async Task<SiteOptions> PrepareAsync(ReachSite site)
    {
        var world = site.Own(await NetworkNamespace.CreateAsync());
        await site.Place.LinkAsync(world, 7);
        var origin = await site.StartOriginAsync(world, ProxyAddress);
        site.Own(await SquidProcess.StartAsync(
            world,
            $"{ProxyAddress} world.tools.test anonymous.tools.test wrong.tools.test\n127.0.0.9 dead.tools.test\n",
            wantsCredentials: true,
            Limits.Token(),
            "world.tools.test anonymous.tools.test wrong.tools.test dead.tools.test"));
        site.Folder.Write("proxy-password", SquidProcess.Password);
        site.Folder.Write("wrong-password", "FAKE wrong");
        return new SiteOptions
        {
            ExtraCa = origin.Certificates.RootPem,
            Upstream =
            [
                "proxies:",
                "  - { proxy: direct, hosts: [direct.tools.test] }",
                $"  - {{ proxy: \"http://{ProxyAddress}:{SquidProcess.Port}\", hosts: [anonymous.tools.test] }}",
                $"  - {{ proxy: \"http://{ProxyAddress}:{SquidProcess.Port}\", hosts: [wrong.tools.test], username: {SquidProcess.User}, password: {{ from: file, path: ./wrong-password }} }}",
                $"  - {{ proxy: \"http://{ProxyAddress}:{SquidProcess.Port}\", hosts: [\"**\"], username: {SquidProcess.User}, password: {{ from: file, path: ./proxy-password }} }}",
            ],
        };
    }
}
