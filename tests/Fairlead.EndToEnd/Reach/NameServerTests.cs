using System.Globalization;
using System.Net;
using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Reach;

/// <summary>A name server that works for the other side, the machine's own resolver, and listeners on private addresses where nobody may arrive.</summary>
public sealed class NameServerTests
{
    private const string Private = "10.9.8.7";
    private const string Metadata = "169.254.169.254";

    [Fact]
    public async Task Whatever_a_name_server_says_no_private_address_is_dialled()
    {
        await using var site = await StartAsync();
        using var intranet = new Canary(site.Place, Private, 443);
        using var loopback = new Canary(site.Place, "127.0.0.1", 443);
        using var metadata = new Canary(site.Place, Metadata, 443);

        foreach (var (name, said) in new[]
        {
            ("private", $"has the address {Private}, which is private"), ("mixed", $"has the address {Private}, which is private"), ("alias", $"has the address {Private}, which is private"),
            ("local", "has the address 127.0.0.1, which is loopback"), ("metadata", $"has the address {Metadata}, which is link-local"), ("mapped", $"has the address ::ffff:{Private}, which is "),
            ("six", "has the address fd00:1::7, which is not global unicast, but private"), ("many-and-one", $"has the address {Private}, which is private"),
        })
        {
            var (status, text) = await site.GetAsync($"https://{name}.tools.test/echo/{name}");
            Assert.True(status == 403 && text.Contains(said, StringComparison.Ordinal), $"{name}: {status} {text}");
        }

        Assert.False(intranet.WasReached || loopback.WasReached || metadata.WasReached);
        Assert.Empty(site.Origin.Requests.For("/echo/private"));
    }

    [Fact]
    public async Task A_name_that_changes_between_check_and_use_is_resolved_once_and_the_checked_address_dialled()
    {
        await using var site = await StartAsync();
        using var canary = new Canary(site.Place, Private, 443);

        // Each name is public when it is asked for first, and private ever after.
        var first = (await site.RunAsync("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code} ", "https://rebind[1-20].tools.test/status/200/rebind")).Succeeded();

        Assert.Equal(string.Concat(Enumerable.Repeat("200 ", 20)), first.Stdout.Split("--_curl_")[0]);
        Assert.All(Enumerable.Range(1, 20), i => Assert.Equal(1, site.Dns.TimesAsked(string.Create(CultureInfo.InvariantCulture, $"rebind{i}.tools.test"))));
        // Once its connection is gone, and what was found is too old, the name is resolved again, and is private now.
        await UntilAsync(site, "https://rebind1.tools.test/abort/at-once", 403, "--http1.1");
        var (status, text) = await site.GetAsync("https://rebind1.tools.test/status/200/again", "--http1.1");
        Assert.Equal(403, status);
        Assert.Contains($"has the address {Private}", text, StringComparison.Ordinal);
        Assert.False(canary.WasReached);
    }

    [Theory]
    [InlineData("many", 200, "")]
    [InlineData("dual", 200, "")]
    [InlineData("upper", 200, "")]
    [InlineData("failing", 502, "(DNS): DNS has no address for failing.tools.test")]
    [InlineData("unknown", 502, "(DNS): DNS has no address for unknown.tools.test")]
    [InlineData("empty", 502, "(DNS): DNS has no address for empty.tools.test")]
    [InlineData("slow", 504, "(DNS): DNS did not answer for slow.tools.test within 5 s")]
    [InlineData("closed", 502, "(connect): connecting to closed.tools.test:443 (2606:4700::1111) failed")]
    public async Task What_else_a_name_server_says_is_served_or_told(string name, int status, string said)
    {
        await using var site = await StartAsync();

        var answer = await site.GetAsync($"https://{(name == "upper" ? "UPPER" : name)}.tools.test/status/200/{name}");

        Assert.True(status == answer.Status, answer.Text);
        Assert.Contains(said, answer.Text, StringComparison.Ordinal);
        if (status == 200) Assert.Single(site.Origin.Requests.For($"/status/200/{name}"));
    }

    [Fact]
    public async Task Name_servers_that_do_not_answer_hold_up_nobody_else()
    {
        await using var site = await StartAsync();
        // Twenty at a time, five seconds each, far longer than the request of another session beside them takes.
        var slow = site.RunAsync("sh", "-c", "timeout 20 curl -s -o /dev/null -Z --parallel-max 20 'https://slow[1-400].tools.test/'; true");
        var limit = Limits.Token();
        while (Enumerable.Range(1, 400).Sum(i => site.Dns.TimesAsked($"slow{i}.tools.test")) < 6 && !slow.IsCompleted) await Task.Delay(Limits.Poll, limit);

        var beside = await site.RunAsAsync("other", "curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "https://upper.tools.test/status/200/beside");

        Assert.Equal("200", beside.Succeeded().Stdout);
        Assert.False(slow.IsCompleted);
        await slow;
    }

    [Fact]
    public async Task A_policy_opens_a_private_network_while_it_says_so()
    {
        await using var site = await StartAsync();
        using var canary = new Canary(site.Place, Private, 443);
        Assert.Equal(403, (await site.GetAsync("https://intern.tools.test/status/200/before")).Status);

        site.Edit("    mode: enforce\n", "    mode: enforce\n    allow_addresses: [10.20.0.0/16]\n");
        await UntilAsync(site, "https://intern.tools.test/status/200/open", 200);
        // The rest stays closed.
        Assert.Equal(403, (await site.GetAsync("https://private.tools.test/")).Status);

        site.Edit("    allow_addresses: [10.20.0.0/16]\n", "");
        await UntilAsync(site, "https://intern.tools.test/status/200/closed", 403);
        Assert.False(canary.WasReached);
    }

    private const string OwnListener = "where the gateway itself listens on port 8080, which may never be dialled";

    [Fact]
    public async Task The_gateways_own_port_is_reached_by_no_name()
    {
        await using var site = await StartAsync("allow_addresses: [127.0.0.0/8, 10.0.0.0/8]");

        foreach (var address in new[] { ReachSite.PublicAddress, "10.20.0.1" }) await site.Place.OwnAddressAsync(address);

        foreach (var (name, why) in new[] { ("upper", "which is the gateway's own and may never be dialled"), ("local", OwnListener), ("intern", OwnListener) })
        {
            var (status, text) = await site.GetAsync($"https://{name}.tools.test:8080/v1/code/upstreamproxy/ca-cert");
            Assert.Equal(403, status);
            Assert.Contains(why, text, StringComparison.Ordinal);
        }
    }

    private static async Task<ReachSite> StartAsync(params string[] policy)
    {
        string[] rules = ["allow * upper.tools.test:8080", "allow * local.tools.test:8080", "allow * intern.tools.test:8080"];
        return await ReachSite.StartAsync(Answer, async site =>
        {
            foreach (var address in new[] { Private, Metadata, "10.20.0.1", "2606:4700::1111" }) await site.Place.AddAddressAsync(address);
            var intern = await site.StartOriginAsync(site.Place, "10.20.0.1");
            return new SiteOptions { ExtraCa = intern.Certificates.RootPem, Policy = policy, Rules = rules };
        });
    }

    private static DnsAnswer Answer(string name, int times) => name.Split('.')[0] switch
    {
        "private" => DnsAnswer.Of(Private),
        "mixed" => DnsAnswer.Of(ReachSite.PublicAddress, Private),
        "alias" => DnsAnswer.Of(Private) with { Alias = "database.corp.test" },
        "local" => DnsAnswer.Of("127.0.0.1"),
        "metadata" => DnsAnswer.Of(Metadata),
        "mapped" => DnsAnswer.Of($"::ffff:{Private}"),
        "six" => DnsAnswer.Of("fd00:1::7"),
        "intern" => DnsAnswer.Of("10.20.0.1"),
        "many" => new DnsAnswer([.. Others(399), IPAddress.Parse(ReachSite.PublicAddress)]),
        "many-and-one" => new DnsAnswer([.. Others(399), IPAddress.Parse(Private)]),
        // Nothing listens there, on an address that there is: it refuses at once.
        "dual" => DnsAnswer.Of("2606:4700::1111", ReachSite.PublicAddress),
        "closed" => DnsAnswer.Of("2606:4700::1111"),
        "upper" => DnsAnswer.Of(ReachSite.PublicAddress),
        "failing" => new DnsAnswer([]) { Code = 2 },
        "unknown" => new DnsAnswer([]) { Code = 3 },
        "empty" => new DnsAnswer([]),
        var slow when slow.StartsWith("slow", StringComparison.Ordinal) => DnsAnswer.Of(ReachSite.PublicAddress) with { Delay = TimeSpan.FromSeconds(30) },
        var rebinding when rebinding.StartsWith("rebind", StringComparison.Ordinal) => DnsAnswer.Of(times == 1 ? ReachSite.PublicAddress : Private),
        _ => new DnsAnswer([]) { Code = 3 },
    };

    private static IEnumerable<IPAddress> Others(int count) => Enumerable.Range(0, count).Select(i => new IPAddress([9, 1, (byte)(i / 250), (byte)(1 + (i % 250))]));

    private static async Task UntilAsync(ReachSite site, string url, int status, params string[] options)
    {
        var limit = Limits.Token();
        while ((await site.GetAsync(url, options)).Status != status) await Task.Delay(Limits.Poll, limit);
    }
}
