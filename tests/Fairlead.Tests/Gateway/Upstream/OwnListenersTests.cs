using System.Net;
using System.Net.NetworkInformation;
using Fairlead.Gateway.Upstream;
using Fairlead.Wire;

namespace Fairlead.Tests.Gateway.Upstream;

public sealed class OwnListenersTests
{
    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("127.99.0.1")]
    [InlineData("::1")]
    [InlineData("0.0.0.0")]
    [InlineData("::")]
    [InlineData("::ffff:127.0.0.1")]
    public void Loopback_in_every_spelling_is_this_machine(string address)
    {
        var own = new OwnListeners();
        own.Add(8080);
        own.Add(9090);

        Assert.True(own.Contain(new IPEndPoint(IPAddress.Parse(address), 8080)));
        Assert.True(own.Contain(new IPEndPoint(IPAddress.Parse(address), 9090)));
        Assert.False(own.Contain(new IPEndPoint(IPAddress.Parse(address), 443)));
    }

    [Fact]
    public void So_is_every_address_of_an_interface_and_no_other()
    {
        var own = new OwnListeners();
        own.Add(8080);
        var mine = NetworkInterface.GetAllNetworkInterfaces().SelectMany(i => i.GetIPProperties().UnicastAddresses).Select(a => a.Address).ToArray();

        Assert.NotEmpty(mine);
        Assert.All(mine, address => Assert.True(own.Contain(new IPEndPoint(address, 8080))));
        Assert.False(own.Contain(new IPEndPoint(IPAddress.Parse("192.0.2.1"), 8080)));
    }

    [Theory]
    [InlineData("127.0.0.1", true)]
    [InlineData("127.0.0.1", false)]
    [InlineData("localhost", false)]
    public async Task No_exception_and_no_resolve_leads_to_an_own_listener(string host, bool isResolved)
    {
        await using var canary = new RawOrigin(_ => Task.CompletedTask);
        var own = new OwnListeners();
        own.Add(canary.EndPoint.Port);
        var options = new UpstreamOptions { Resolve = isResolved ? new Dictionary<string, IPEndPoint> { [host] = canary.EndPoint } : [] };
        var dialer = new UpstreamDialer(options, own, TimeProvider.System);
        Assert.True(HostPort.TryCreate(host, canary.EndPoint.Port, out var destination, out _));

        var failure = await Assert.ThrowsAsync<UpstreamException>(() => dialer.ConnectAsync("s1", destination, Edge.ExceptionsOf("127.0.0.0/8", "::1"), Limits.Token));

        Assert.Equal(0, canary.Connections);
        // A resolver may know nothing of "localhost.".
        if (host == "localhost" && failure.Failure is UpstreamFailure.Dns or UpstreamFailure.DnsTimeout) return;
        Assert.Equal(UpstreamFailure.AddressForbidden, failure.Failure);
        Assert.Contains("where the gateway itself listens", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_proxy_is_no_way_round_either()
    {
        await using var canary = new RawOrigin(_ => Task.CompletedTask);
        var own = new OwnListeners();
        own.Add(canary.EndPoint.Port);
        Assert.True(HostPort.TryParse(canary.EndPoint.ToString(), out var proxy, out _));
        var dialer = new UpstreamDialer(new UpstreamOptions { Proxies = [new EgressProxy(proxy, [Edge.HostOf("**")])] }, own, TimeProvider.System);
        Assert.True(HostPort.TryParse("api.test:443", out var destination, out _));

        var failure = await Assert.ThrowsAsync<UpstreamException>(() => dialer.ConnectAsync("s1", destination, Edge.ExceptionsOf(), Limits.Token));

        Assert.Equal((UpstreamFailure.AddressForbidden, 0), (failure.Failure, canary.Connections));
    }

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("api.test")]
    public async Task Nor_is_a_proxy_asked_for_an_own_listener(string host)
    {
        await using var canary = new RawOrigin(_ => Task.CompletedTask);
        await using var proxy = new TestEgressProxy(canary.EndPoint);
        var own = new OwnListeners();
        own.Add(8080);
        var options = new UpstreamOptions { Proxies = [proxy.For("**:8080", "127.0.0.1:8080") with { ResolvesHere = true }] };
        var dialer = new UpstreamDialer(options, own, TimeProvider.System, new NameLookup(_ => [IPAddress.Parse("127.0.0.2"), IPAddress.Loopback], TimeSpan.Zero, TimeProvider.System));
        Assert.True(HostPort.TryCreate(host, 8080, out var destination, out _));

        var failure = await Assert.ThrowsAsync<UpstreamException>(() => dialer.ConnectAsync("s1", destination, Edge.ExceptionsOf("127.0.0.0/8"), Limits.Token));

        Assert.Equal((UpstreamFailure.AddressForbidden, 0, 0), (failure.Failure, proxy.Heads.Count, canary.Connections));
        Assert.Contains("where the gateway itself listens on port 8080", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("literal")]
    [InlineData("resolved")]
    public async Task The_gateways_own_port_gets_no_connection_from_a_tunnel(string way)
    {
        await using var edge = await Edge.StartAsync(sessions: [Edge.SessionOf("s1", Edge.Token, ["allow * **"], addresses: ["127.0.0.0/8"])]);
        var port = edge.Address.Port;
        await using var other = await Edge.StartAsync(
            way == "resolved" ? new Dictionary<string, IPEndPoint> { [Edge.Host] = new(IPAddress.Loopback, 0) } : null,
            sessions: [Edge.SessionOf("s1", Edge.Token, [$"allow * 127.0.0.1:{port}", $"allow * {Edge.Host}:{port}"], addresses: ["127.0.0.0/8"])]);
        // One gateway's port is any port to another gateway, and its own is forbidden.
        Assert.Equal(200, (await Workload.ConnectAsync(other, $"127.0.0.1:{port}")).Answer.Status);
        port = other.Address.Port;

        if (way == "literal")
        {
            var refused = await Workload.ConnectAsync(other, $"127.0.0.1:{port}");
            await refused.CloseAsync();
            Assert.Equal((403, true), (refused.Answer.Status, refused.Answer.Body.Contains("127.0.0.1 is the gateway itself and may never be dialled", StringComparison.Ordinal)));
            return;
        }

        other.Apply(Edge.SessionOf("s1", Edge.Token, [$"allow * {Edge.Host}:{port}"], addresses: ["127.0.0.0/8"]));
        var workload = await Workload.OpenAsync(other, port: port);
        var reply = await workload.GetAsync(host: $"{Edge.Host}:{port}");
        await workload.CloseAsync();
        Assert.Equal(403, reply.Status);
        Assert.Contains("where the gateway itself listens on port", reply.Body, StringComparison.Ordinal);
    }
}
