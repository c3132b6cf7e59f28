using System.Diagnostics;
using System.Net;
using System.Text.Json;
using Fairlead.Gateway;
using Fairlead.Gateway.Sessions;
using Fairlead.Tests.Wire;
using Fairlead.Wire;

namespace Fairlead.Tests.Gateway;

/// <summary>Tunnels one after another on one WebSocket: each is judged, limited and recorded as if it had one of its own.</summary>
public sealed class ReuseTests : IAsyncLifetime
{
    private readonly OriginCa _ca = new();
    private Origin _origin = null!;

    public async ValueTask InitializeAsync() => _origin = await Origin.StartAsync(_ca);

    public async ValueTask DisposeAsync()
    {
        await _origin.DisposeAsync();
        _ca.Dispose();
    }

    [Fact]
    public async Task Each_tunnel_of_a_WebSocket_has_an_id_a_record_bytes_and_requests_of_its_own()
    {
        await using var edge = await Edge.StartAsync(_origin, _ca);
        var workload = await Workload.UpgradeAsync(edge, reuse: true);
        for (var requests = 1; requests <= 3; requests++)
        {
            await workload.AskAgainAsync(edge);
            for (var i = 0; i < requests; i++) Assert.Equal(200, (await workload.GetAsync()).Status);
            workload = (await workload.NextAsync())!;
        }

        await workload.DisposeAsync();
        var tunnels = Tunnels(await edge.StopAsync());

        Assert.Equal([1, 2, 3], tunnels.Select(t => t.GetProperty("requests").GetInt32()));
        Assert.All(tunnels, t => Assert.Equal(("completed", 200, "s1"), (Text(t, "outcome"), t.GetProperty("status").GetInt32(), Text(t, "session"))));
        Assert.Equal(3, tunnels.Select(t => Text(t, "tunnel")).Distinct().Count());
        // A request has some hundred bytes, and so has a handshake: what is another tunnel's would show.
        var (first, last) = (tunnels[0].GetProperty("bytes_in").GetInt64(), tunnels[2].GetProperty("bytes_in").GetInt64());
        Assert.InRange(last, first + 1, first + 500);
        Assert.All(tunnels, t => Audit.AuditSchema.AssertHolds(t));
    }

    [Fact]
    public async Task A_WebSocket_that_waits_is_no_tunnel_and_leaves_no_record()
    {
        await using var edge = await Edge.StartAsync(_origin, _ca, Edge.SessionOf("s1", Edge.Token) with { Limits = new SessionLimits { Tunnels = 1 } });
        var (one, two, three) = (await Workload.UpgradeAsync(edge, reuse: true), await Workload.UpgradeAsync(edge, reuse: true), await Workload.UpgradeAsync(edge, reuse: true));

        // The limit is one of tunnels, and the second tunnel meets it on a WebSocket that was there before.
        await one.AskAgainAsync(edge);
        var refused = await two.SendConnectAsync(Workload.ConnectHead($"{Edge.Host}:443"));
        Assert.Equal((200, 429), ((await one.GetAsync()).Status, refused.Status));
        Assert.NotNull(await one.NextAsync());
        // Who was refused counts until it is gone.
        for (var deadline = Limits.Token; !edge.Lines.Any(line => line.TryGetProperty("outcome", out var outcome) && outcome.GetString() == "limited"); deadline.ThrowIfCancellationRequested()) await Task.Delay(10, deadline);
        await three.AskAgainAsync(edge);
        Assert.Equal(200, (await three.GetAsync()).Status);
        Assert.NotNull(await three.NextAsync());
        await (await Workload.UpgradeAsync(edge, reuse: true)).DisposeAsync();

        Assert.Equal(["completed", "completed", "limited"], Tunnels(await edge.StopAsync()).Select(t => Text(t, "outcome")).Order());
    }

    [Fact]
    public async Task A_session_that_ends_loses_its_waiting_WebSockets_at_once()
    {
        await using var edge = await Edge.StartAsync(_origin, _ca);
        var unused = await Workload.UpgradeAsync(edge, reuse: true);
        var used = (await (await (await Workload.UpgradeAsync(edge, reuse: true)).AskAgainAsync(edge)).NextAsync())!;
        var waits = Task.WhenAll(unused.Tunnel.ReadChunkAsync(Limits.Token).AsTask(), used.Tunnel.ReadChunkAsync(Limits.Token).AsTask());
        await Task.Yield();
        Assert.False(waits.IsCompleted);

        edge.Apply(Edge.SessionOf("other", "FAKE-other"));

        Assert.All(await waits, Assert.Null);
        Assert.True(unused.Tunnel.IsClosedByPeer && used.Tunnel.IsClosedByPeer);
    }

    [Fact]
    public async Task A_changed_configuration_is_honoured_by_the_next_CONNECT()
    {
        await using var edge = await Edge.StartAsync(_origin, _ca);
        var workload = await (await Workload.UpgradeAsync(edge, reuse: true)).AskAgainAsync(edge);
        Assert.Equal(200, (await workload.GetAsync()).Status);
        workload = (await workload.NextAsync())!;

        edge.Apply(Edge.SessionOf("s1", Edge.Token, ["allow * other.test"]));
        await workload.AskAgainAsync(edge);

        Assert.Equal(403, (await workload.GetAsync()).Status);
        await workload.DisposeAsync();
    }

    [Theory]
    [InlineData("s2", Edge.Token)]
    [InlineData("s1", "FAKE-other")]
    public async Task Each_CONNECT_proves_again_whose_it_is(string session, string token)
    {
        await using var edge = await Edge.StartAsync(_origin, _ca, Edge.SessionOf("s1", Edge.Token), Edge.SessionOf("s2", "FAKE-other"));
        var workload = (await (await (await Workload.UpgradeAsync(edge, reuse: true)).AskAgainAsync(edge)).NextAsync())!;

        var refused = await workload.SendConnectAsync(Workload.ConnectHead($"{Edge.Host}:443", session, token));

        Assert.Equal(407, refused.Status);
        // A refusal ends the WebSocket.
        Assert.True(workload.Tunnel.IsClosedByPeer);
        await workload.DisposeAsync();
        Assert.Equal(["completed", "authentication_mismatch"], Tunnels(await edge.StopAsync()).Select(t => Text(t, "outcome")));
    }

    [Fact]
    public async Task So_many_of_a_session_may_wait_and_what_is_beyond_is_closed_with_its_tunnel()
    {
        await using var edge = await Edge.StartAsync(_origin, _ca);
        var waiting = new List<Workload>();
        for (var i = 0; i < Parking.MostOfSession; i++) waiting.Add(await Workload.UpgradeAsync(edge, reuse: true));

        // An upgrade beyond is answered as if reuse were not known. A tunnel that began with room and ends without is closed.
        var (reply, stream) = await Workload.AskAsync(edge, Workload.UpgradeHeaders() + "Fairlead-Reuse: 1\r\n");
        Assert.Equal((101, null), (reply.Status, reply["Fairlead-Reuse"]));
        await stream.DisposeAsync();
        await waiting[1].AskAgainAsync(edge);
        waiting.Add(await Workload.UpgradeAsync(edge, reuse: true));
        Assert.Equal(200, (await waiting[1].GetAsync()).Status);
        var closed = (await waiting[1].NextAsync())!;
        Assert.Null(await closed.Tunnel.ReadChunkAsync(Limits.Token));
        Assert.True(closed.Tunnel.IsClosedByPeer);

        // One that left its place may have it again.
        waiting[2] = await waiting[2].AskAgainAsync(edge);
        Assert.NotNull(await waiting[2].NextAsync());
    }

    [Fact]
    public async Task Who_never_answers_the_end_of_its_tunnels_gets_few_beyond_its_limit()
    {
        await using var edge = await Edge.StartAsync(_origin, _ca, Edge.SessionOf("s1", Edge.Token) with { Limits = new SessionLimits { Tunnels = 1 } });
        // Each is over for the gateway, which said so and waits for the answer.
        for (var i = 0; i <= 16; i++)
        {
            var ended = await (await Workload.UpgradeAsync(edge, reuse: true)).AskAgainAsync(edge);
            Assert.Equal(200, (await ended.GetAsync(headers: "Connection: close\r\n")).Status);
            while (await ended.Tunnel.ReadChunkAsync(Limits.Token) is not null) { }
            Assert.True(ended.Tunnel.IsPeerDone);
        }

        var beyond = await Workload.UpgradeAsync(edge, reuse: true);

        Assert.Equal(429, (await beyond.SendConnectAsync(Workload.ConnectHead($"{Edge.Host}:443"))).Status);
    }

    [Fact]
    public async Task A_gateway_that_stops_does_not_wait_for_what_waits()
    {
        await using var edge = await Edge.StartAsync(_origin, _ca);
        var workload = await Workload.UpgradeAsync(edge, reuse: true);
        var waiting = workload.Tunnel.ReadChunkAsync(Limits.Token).AsTask();

        Assert.Empty(await edge.StopAsync());

        Assert.Null(await waiting);
        Assert.True(workload.Tunnel.IsClosedByPeer);
    }

    [Fact]
    public async Task A_tunnel_that_was_passed_through_is_followed_by_another_one()
    {
        await using var edge = await Edge.StartAsync(
            new Dictionary<string, IPEndPoint> { [Edge.Host] = _origin.EndPoint, ["pinned.test"] = _origin.EndPoint }, _ca,
            [Edge.SessionOf("s1", Edge.Token, [$"allow * {Edge.Host}", "allow * pinned.test"], passthrough: ["pinned.test"])]);
        var workload = await Workload.UpgradeAsync(edge, reuse: true);
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal(200, (await workload.SendConnectAsync(Workload.ConnectHead("pinned.test:443"))).Status);
            await workload.StartTlsAsync("pinned.test", _ca.Root, System.Net.Security.SslApplicationProtocol.Http11);
            Assert.Equal(200, (await workload.GetAsync(host: "pinned.test")).Status);
            workload = (await workload.NextAsync())!;
            workload = (await (await workload.AskAgainAsync(edge)).NextAsync())!;
        }

        await workload.DisposeAsync();
        Assert.Equal(6, Tunnels(await edge.StopAsync()).Count(t => Text(t, "outcome") == "completed"));
    }

    [Fact]
    public async Task A_tunnel_that_the_server_ends_is_over_whatever_the_tool_still_does()
    {
        await using var edge = await Edge.StartAsync(_origin, _ca);
        var workload = await (await Workload.UpgradeAsync(edge, reuse: true)).AskAgainAsync(edge);
        Assert.Equal(200, (await workload.GetAsync(headers: "Connection: close\r\n")).Status);
        while (await workload.Tunnel.ReadChunkAsync(Limits.Token) is not null) { }
        Assert.True(workload.Tunnel.IsPeerDone);
        await workload.Tunnel.WriteAsync("nobody reads this"u8.ToArray(), Limits.Token);

        // Without an end of the data: the tool was reset, say.
        var next = new Workload((await workload.Tunnel.NextAsync(Limits.Token))!);

        await next.AskAgainAsync(edge);
        Assert.Equal(200, (await next.GetAsync()).Status);
        Assert.NotNull(await next.NextAsync());
        Assert.Equal(["completed", "completed"], Tunnels(await edge.StopAsync()).Select(t => Text(t, "outcome")));
    }

    [Fact]
    public async Task A_tunnel_without_TLS_is_the_last_of_its_WebSocket()
    {
        await using var edge = await Edge.StartAsync(_origin, _ca);
        var workload = await Workload.UpgradeAsync(edge, reuse: true);
        await workload.SendConnectAsync(Workload.ConnectHead($"{Edge.Host}:443"));

        await workload.Tunnel.WriteAsync("GET / HTTP/1.1\r\n\r\n"u8.ToArray(), Limits.Token);
        var next = await workload.NextAsync();

        Assert.Null(next);
        Assert.True(workload.Tunnel.IsClosedByPeer);
        Assert.Equal("trust", Notice.NameOf(Assert.Single(workload.Notices).Kind));
        Assert.Equal("tls_failed", Text(Assert.Single(Tunnels(await edge.StopAsync())), "outcome"));
    }

    [Fact]
    public async Task A_relay_that_does_not_know_reuse_gets_a_close_frame_as_before()
    {
        await using var edge = await Edge.StartAsync(_origin, _ca);
        var workload = await Workload.OpenAsync(edge);
        Assert.Equal(200, (await workload.GetAsync(headers: "Connection: close\r\n")).Status);

        while (await workload.Tunnel.ReadChunkAsync(Limits.Token) is not null) { }

        Assert.True(workload.Tunnel.IsClosedByPeer);
        await workload.DisposeAsync();
    }

    [Fact]
    public async Task Reuse_is_for_who_knows_the_end_of_data_too()
    {
        await using var edge = await Edge.StartAsync(_origin, _ca);

        var (reply, stream) = await Workload.AskAsync(edge, Workload.UpgradeHeaders().Replace("Fairlead-Tunnel: 1\r\n", "Fairlead-Reuse: 1\r\n", StringComparison.Ordinal));

        Assert.Equal((101, null), (reply.Status, reply["Fairlead-Reuse"]));
        await stream.DisposeAsync();
    }

    [Fact]
    public async Task Nothing_waits_longer_than_the_limit_and_keepalives_do_not_count()
    {
        var time = new FakeTimeProvider();
        using var parking = new Parking(time);
        var lease = new SessionLease(Edge.SessionOf("s1", Edge.Token), [new SessionUsage(time)]);
        await using var stream = new TunnelStream(new ScriptedTransport().Give(RawFrame.Of(RawFrame.Binary, [0x0a, 0], [1, 2, 3, 4])), TunnelEnd.Gateway, peerKnowsEndOfData: true, time) { CarriesReuse = true };
        Assert.True(parking.TryEnter(lease));

        var waiting = parking.WaitAsync(stream, lease, Limits.Token);
        time.Advance(Parking.Limit - TimeSpan.FromSeconds(1));
        Assert.False(waiting.IsCompleted);
        time.Advance(TimeSpan.FromSeconds(1));

        Assert.Null(await waiting);
        Parking.Leave(lease);
        Assert.Equal(0, lease.RootUsage.Parked);
        parking.Close();
        Assert.False(parking.TryEnter(lease));
    }

    private static JsonElement[] Tunnels(JsonElement[] records) => [.. records.Where(r => Text(r, "type") == "tunnel")];

    private static string? Text(JsonElement record, string name) => record.GetProperty(name).GetString();
}
