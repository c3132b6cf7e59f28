using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Topologies;

/// <summary>The way that users have: container, egress proxy, ingress, gateway, origin, each in a network of its own.</summary>
public sealed class TopologyTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_request_passes_egress_proxy_and_ingress(bool egressWantsCredentials)
    {
        await using var topology = await Topology.StartAsync(new TopologyOptions { EgressWantsCredentials = egressWantsCredentials });

        var result = await topology.RunToolAsync("curl", "-sS", "https://origin.test/echo/topology");

        Assert.Equal("/echo/topology", (string?)result.Json["target"]);
        Assert.Equal("demo", AuditLog.Text(await topology.Audit.RequestAsync("/echo/topology", Limits.Token()), "session"));
    }

    [Fact]
    public async Task The_container_reaches_the_egress_proxy_and_nothing_else()
    {
        await using var topology = await Topology.StartAsync();

        foreach (var address in new[] { "198.18.2.2:443", "198.18.3.2:443", "192.0.2.1:80" })
            Assert.Equal(7, (await topology.Container.RunAsync("curl", "-sS", "--max-time", "20", $"https://{address}/")).ExitCode);
        Assert.Equal(6, (await topology.Container.RunAsync("curl", "-sS", $"https://{Topology.GatewayHost}/")).ExitCode);
        Assert.Equal(56, (await topology.Container.RunAsync("curl", "-sS", "-x", topology.EgressUrl, "https://origin.test/")).ExitCode);
    }

    [Fact]
    public async Task In_the_container_the_doctor_finds_nothing_wrong()
    {
        await using var topology = await Topology.StartAsync();

        var result = (await topology.RunToolAsync(Repository.Relay, "doctor", "--json")).Succeeded();

        Assert.True((bool)result.Json["healthy"]!, result.Stdout);
        Assert.All(result.Json["checks"]!.AsArray(), check => Assert.True((string?)check!["result"] is "ok", result.Stdout));
        var tools = result.Json["tools"]!.AsArray().Where(tool => (string?)tool!["result"] != "skipped").ToArray();
        Assert.All(tools, tool => Assert.True((string?)tool!["result"] == "ok", result.Stdout));
        Assert.Superset(new HashSet<string?> { "curl", "git", "Java", "Node.js", "npm", "Python", "wget" }, tools.Select(tool => (string?)tool!["tool"]).ToHashSet());
    }
}
