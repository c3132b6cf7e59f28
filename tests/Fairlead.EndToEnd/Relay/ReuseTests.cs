using System.Globalization;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Relay;

/// <summary>Tools one after another share WebSockets to the gateway, and notice nothing of it.</summary>
public sealed partial class ReuseTests
{
    private static readonly SiteOptions Options = new()
    {
        GatewayOverTls = true,
        Files = new Dictionary<string, string> { ["admin.token"] = "FAKE-admin-token" },
        Sections = "issuers: { fairlead: { key: state/session.key } }\nrevocations: state/revoked\nadmin: { listen: http://127.0.0.1:0, token: { from: file, path: admin.token } }",
        Sessions = ["{ id: agents, issuer: fairlead, policy: default }"],
    };

    [Fact]
    public async Task Tools_one_after_another_share_a_few_WebSockets_and_each_has_a_tunnel_of_its_own()
    {
        const int Tools = 30;
        await using var site = await Site.StartAsync(Options);

        for (var i = 0; i < Tools; i++) Assert.Contains($"tool {i}", (await site.RunAsync("curl", "-sS", "--fail", $"https://origin.test/echo/tool%20{i}")).Succeeded().Stdout.Replace("%20", " ", StringComparison.Ordinal), StringComparison.Ordinal);

        var tunnels = await site.Audit.WaitForAsync(Tools, r => (string?)r["type"] == "tunnel" && (string?)r["outcome"] == "completed", Limits.Token());
        Assert.Equal(Tools, tunnels.Select(t => (string?)t["tunnel"]).Distinct().Count());
        Assert.All(tunnels, t => Assert.Equal(1, (int?)t["requests"]));
        Assert.InRange(await MetricAsync(site, "fairlead_websockets_total"), 1, Tools / 3);
        Assert.InRange((await StatusAsync(site.Relay, status => (int)status["ready_websockets"]! > 0))["counters"]!["opened"]!.GetValue<int>(), Tools, Tools);
    }

    [Fact]
    public async Task A_session_that_is_revoked_loses_what_waits_and_gets_no_tunnel()
    {
        await using var site = await Site.StartAsync(Options);
        var token = (string)(await site.AskGatewayAsync("", "session", "new", "--id", "r", "--json")).Json["token"]!;
        var relay = await site.StartRelayAsync("agents/r", token);
        (await site.RunAsync(relay, "curl", "-sS", "--fail", "https://origin.test/echo/before")).Succeeded();
        await StatusAsync(relay, status => (int)status["ready_websockets"]! > 0);

        (await site.AskGatewayAsync("", "session", "revoke", "agents/r")).Succeeded();

        // Told to each that waits, without a CONNECT.
        await StatusAsync(relay, status => (int)status["ready_websockets"]! == 0);
        var after = await site.RunAsync(relay, "curl", "-sS", "https://origin.test/echo/after");
        Assert.Contains("502", after.Failed().Stderr, StringComparison.Ordinal);
        Assert.Equal(0, await MetricAsync(site, "fairlead_websockets_parked"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_gateway_that_restarts_while_WebSockets_wait_is_no_error_to_a_tool(bool isKilled)
    {
        using var port = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        port.Bind(new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, 0));
        var number = ((System.Net.IPEndPoint)port.LocalEndPoint!).Port;
        port.Dispose();
        await using var site = await Site.StartAsync(Options with { GatewayPort = number });
        (await site.RunAsync("curl", "-sS", "--fail", "https://origin.test/echo/before")).Succeeded();
        await StatusAsync(site.Relay, status => (int)status["ready_websockets"]! > 0);

        if (isKilled) site.Gateway.Program.Kill();
        else await site.Gateway.StopAsync(Limits.Token());
        await using var again = await GatewayProcess.StartAsync(site.Folder.File("fairlead.yaml"), site.Folder, "", Limits.Token());

        (await site.RunAsync("curl", "-sS", "--fail", "https://origin.test/echo/after")).Succeeded();
        await again.StopAsync(Limits.Token());
    }

    private static async Task<JsonNode> StatusAsync(RelayProcess relay, Func<JsonNode, bool> isReached)
    {
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        while (true)
        {
            var status = JsonNode.Parse(await client.GetStringAsync(new Uri(relay.Proxy, "/fairlead/status"), Limits.Token()))!;
            if (isReached(status)) return status;
            await Task.Delay(Limits.Poll, Limits.Token());
        }
    }

    private static async Task<double> MetricAsync(Site site, string name)
    {
        var address = await site.Gateway.Program.Stdout.WaitForAsync(text => Administration().Match(text) is { Success: true } match ? match.Groups[1].Value : null, Limits.Token());
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { DefaultRequestHeaders = { Authorization = new("Bearer", "FAKE-admin-token") } };
        var metrics = await client.GetStringAsync(new Uri(new Uri(address), "/metrics"), Limits.Token());
        return double.Parse(metrics.Split('\n').Single(line => line.StartsWith(name + " ", StringComparison.Ordinal)).Split(' ')[1], CultureInfo.InvariantCulture);
    }

    [GeneratedRegex(@"administration on (http://\S+)\s")]
    private static partial Regex Administration();
}
