using System.Net.WebSockets;
using Fairlead.Relay;
using Fairlead.Relay.Tunnel;
using Fairlead.Tests.Wire.Oracle;
using Google.Protobuf;

namespace Fairlead.Tests.Relay;

/// <summary>WebSockets that are kept after a tunnel or opened ahead of one: what the gateway sees of them, and that tools see nothing.</summary>
public sealed class ReuseTests : IAsyncLifetime
{
    private const string Connect = "CONNECT echo.test:443 HTTP/1.1\r\nHost: echo.test:443\r\n\r\n";
    private const string Established = "HTTP/1.1 200 Connection Established\r\n\r\n";

    private TestGateway _gateway = null!;

    public async ValueTask InitializeAsync()
    {
        _gateway = await TestGateway.StartAsync();
        _gateway.KnowsReuse = true;
    }

    public ValueTask DisposeAsync() => _gateway.DisposeAsync();

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task A_tunnel_that_ended_in_order_leaves_its_WebSocket_to_the_next()
    {
        await using var relay = await RelayUnderTest.StartAsync(_gateway);
        var (tool, tunnel) = await OpenAsync(relay);
        var ahead = await _gateway.AcceptAsync();
        await ReadyAsync(relay, 1);

        for (var i = 0; i < 3; i++)
        {
            await EndAsync(tool, tunnel);
            await tunnel.SendAsync(new UpstreamProxyChunk { Next = true });
            Assert.True((await tunnel.ReadChunkAsync())!.Next);
            await ReadyAsync(relay, 2);
            tool.Dispose();
            tool = await relay.ConnectAsync();
            await tool.SendAsync(Connect);
            await AnswerAsync(tool, tunnel);
        }

        Assert.Equal("1", tunnel.Headers["Fairlead-Reuse"]);
        Assert.Equal(2, _gateway.Upgrades);
        while (relay.Relay.Status.Counters.Opened != 4) await Task.Delay(Limits.Poll, Limits.Token);
        tool.Dispose();
        ahead.Abort();
    }

    [Theory(Timeout = Limits.TestMilliseconds)]
    [InlineData(false, true, true)]
    [InlineData(true, false, true)]
    [InlineData(true, true, false)]
    public async Task Where_one_end_does_not_know_reuse_each_tunnel_has_a_WebSocket_of_its_own(bool relayKnows, bool gatewayKnows, bool gatewayKnowsEndOfData)
    {
        (_gateway.KnowsReuse, _gateway.KnowsEndOfData) = (gatewayKnows, gatewayKnowsEndOfData);
        await using var relay = await RelayUnderTest.StartAsync(_gateway, options => options with { NoReuse = !relayKnows });
        for (var i = 1; i <= 2; i++)
        {
            var (tool, tunnel) = await OpenAsync(relay);
            Assert.Equal(relayKnows, tunnel.Headers.ContainsKey("Fairlead-Reuse"));
            await tool.SendAsync("bye");
            tool.EndSending();
            Assert.Equal("bye", await tunnel.ReadTextAsync(3));
            if (gatewayKnowsEndOfData)
            {
                Assert.True((await tunnel.ReadChunkAsync())!.EndOfData);
                await tunnel.SendAsync(new UpstreamProxyChunk { EndOfData = true });
            }

            Assert.Null(await tunnel.ReadChunkAsync());
            Assert.Equal(WebSocketCloseStatus.NormalClosure, tunnel.CloseStatus);
            await tunnel.CloseAsync();
            Assert.Equal("", await tool.ReadToEndAsync());
            Assert.Equal((i, 0), (_gateway.Upgrades, relay.Relay.Status.ReadyWebsockets));
            tool.Dispose();
        }
    }

    [Theory(Timeout = Limits.TestMilliseconds)]
    [InlineData("abort")]
    [InlineData("close")]
    [InlineData("garbage")]
    [InlineData("silence")]
    public async Task A_ready_WebSocket_that_dies_under_the_CONNECT_is_no_error_to_the_tool_and_nothing_is_sent_twice(string how)
    {
        var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        await using var relay = await RelayUnderTest.StartAsync(_gateway, options => options with { OpenTimeout = Limits.Test }, time);
        var (first, _) = await OpenAsync(relay);
        var ready = await _gateway.AcceptAsync();
        await ReadyAsync(relay, 1);
        using var tool = await relay.ConnectAsync();

        await tool.SendAsync(Connect + "\x16\x03\x01hello");
        Assert.StartsWith("CONNECT echo.test:443", (await ready.ReadChunkAsync())!.Data.ToStringUtf8(), StringComparison.Ordinal);
        var more = ready.ReadMessageAsync();
        switch (how)
        {
            case "abort": ready.Abort(); break;
            case "close": await ready.CloseAsync(); break;
            case "garbage": await ready.SendRawAsync([0xff]); break;
            default: time.Advance(TimeSpan.FromSeconds(5)); break;
        }

        var (tunnel, connect) = await _gateway.AcceptAskedAsync();
        Assert.StartsWith("CONNECT echo.test:443", connect!.Data.ToStringUtf8(), StringComparison.Ordinal);
        Assert.Equal("\x16\x03\x01hello", await tunnel.ReadTextAsync(8));
        await tunnel.SendAsync(Established);
        Assert.Equal(Established, await tool.ReadAsync(Established.Length));
        // Of the tool's own bytes the dead one got none.
        await AssertNothingCameAsync(more);
        first.Dispose();
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task What_a_tool_sends_early_waits_for_the_answer_on_a_WebSocket_that_was_idle()
    {
        await using var relay = await RelayUnderTest.StartAsync(_gateway);
        var (first, _) = await OpenAsync(relay);
        var ready = await _gateway.AcceptAsync();
        await ReadyAsync(relay, 1);
        using var tool = await relay.ConnectAsync();

        await tool.SendAsync(Connect + "early");
        Assert.StartsWith("CONNECT", (await ready.ReadChunkAsync())!.Data.ToStringUtf8(), StringComparison.Ordinal);
        var next = ready.ReadChunkAsync();
        Assert.False(next.IsCompleted);
        await ready.SendAsync(Established);

        Assert.Equal("early", (await next)!.Data.ToStringUtf8());
        Assert.Equal(Established, await tool.ReadAsync(Established.Length));
        first.Dispose();
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task A_refusal_on_a_ready_WebSocket_is_passed_on_as_it_is()
    {
        await using var relay = await RelayUnderTest.StartAsync(_gateway);
        var (first, _) = await OpenAsync(relay);
        var ready = await _gateway.AcceptAsync();
        await ReadyAsync(relay, 1);
        using var tool = await relay.ConnectAsync();

        await tool.SendAsync("CONNECT other.test:443 HTTP/1.1\r\n\r\n");
        await ready.ReadChunkAsync();
        await ready.SendAsync("HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno\n");
        await ready.CloseAsync();

        Assert.Equal("HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno\n", await tool.ReadToEndAsync());
        Assert.Equal("policy", relay.Relay.Status.Refusals[0].Kind);
        first.Dispose();
    }

    [Theory(Timeout = Limits.TestMilliseconds)]
    [InlineData("the tool resets")]
    [InlineData("the gateway cuts")]
    [InlineData("the gateway closes")]
    [InlineData("the gateway goes on sending")]
    public async Task A_tunnel_that_did_not_end_in_order_leaves_its_WebSocket_to_nobody(string how)
    {
        await using var relay = await RelayUnderTest.StartAsync(_gateway);
        var (tool, tunnel) = await OpenAsync(relay);
        await _gateway.AcceptAsync();
        await ReadyAsync(relay, 1);

        switch (how)
        {
            case "the tool resets":
                tool.Reset();
                break;
            case "the gateway cuts":
                await tunnel.CloseAsync(WebSocketCloseStatus.InternalServerError);
                break;
            case "the gateway closes":
                await tunnel.CloseAsync();
                break;
            default:
                tool.Dispose();
                for (var i = 0; i < 100; i++) await tunnel.SendAsync(new string('x', 10_000));
                break;
        }

        for (var chunk = await tunnel.ReadChunkAsync(); chunk is not null; chunk = await tunnel.ReadChunkAsync()) Assert.False(chunk.Next);
        Assert.Equal(1, relay.Relay.Status.ReadyWebsockets);
        tool.Dispose();
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task A_tool_that_leaves_before_the_gateways_goodbye_leaves_a_WebSocket_that_can_be_used()
    {
        await using var relay = await RelayUnderTest.StartAsync(_gateway);
        var (tool, tunnel) = await OpenAsync(relay);
        await _gateway.AcceptAsync();
        await ReadyAsync(relay, 1);

        tool.Dispose();
        Assert.True((await tunnel.ReadChunkAsync())!.EndOfData);
        for (var i = 0; i < 5; i++) await tunnel.SendAsync("bye");
        await tunnel.SendAsync(new UpstreamProxyChunk { Next = true });

        Assert.True((await tunnel.ReadChunkAsync())!.Next);
        await ReadyAsync(relay, 2);
        using var second = await relay.ConnectAsync();
        await second.SendAsync(Connect);
        await AnswerAsync(second, tunnel);
    }

    [Theory(Timeout = Limits.TestMilliseconds)]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_gateway_that_is_done_first_need_not_wait_for_the_tool_and_whatever_that_does_cuts_nothing(bool resets)
    {
        await using var relay = await RelayUnderTest.StartAsync(_gateway);
        var (tool, tunnel) = await OpenAsync(relay);
        await _gateway.AcceptAsync();
        await ReadyAsync(relay, 1);

        await tunnel.SendAsync("answer");
        Assert.Equal("answer", await tool.ReadAsync(6));
        await tunnel.SendAsync(new UpstreamProxyChunk { Next = true });
        Assert.Equal("", await tool.ReadToEndAsync());
        if (resets) tool.Reset();

        var last = await tunnel.ReadChunkAsync();
        if (!last!.Next) last = await tunnel.ReadChunkAsync();
        Assert.True(last!.Next);
        await ReadyAsync(relay, 2);
        using var second = await relay.ConnectAsync();
        await second.SendAsync(Connect);
        await AnswerAsync(second, tunnel);
        tool.Dispose();
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task A_gateway_that_does_not_agree_gets_a_close_frame()
    {
        var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        await using var relay = await RelayUnderTest.StartAsync(_gateway, time: time);
        var (tool, tunnel) = await OpenAsync(relay);
        await _gateway.AcceptAsync();
        await ReadyAsync(relay, 1);

        await EndAsync(tool, tunnel);
        var close = tunnel.ReadChunkAsync();
        while (!close.IsCompleted)
        {
            time.Advance(TimeSpan.FromSeconds(1));
            await Task.Delay(Limits.Poll, Limits.Token);
        }

        Assert.Null(await close);
        Assert.Equal(WebSocketCloseStatus.NormalClosure, tunnel.CloseStatus);
        await tunnel.CloseAsync();
        tool.Dispose();
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task What_nobody_used_for_a_minute_is_closed_and_not_replaced()
    {
        var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        await using var relay = await RelayUnderTest.StartAsync(_gateway, time: time);
        var (tool, _) = await OpenAsync(relay);
        var ready = await _gateway.AcceptAsync();
        await ReadyAsync(relay, 1);
        var closed = ready.ReadChunkAsync();

        while (!closed.IsCompleted)
        {
            time.Advance(TimeSpan.FromSeconds(10));
            await Task.Delay(Limits.Poll, Limits.Token);
            // Keepalives.
            if (closed.IsCompleted && await closed is { } chunk && chunk.Data.IsEmpty) closed = ready.ReadChunkAsync();
        }

        Assert.Null(await closed);
        Assert.Equal(WebSocketCloseStatus.NormalClosure, ready.CloseStatus);
        await ReadyAsync(relay, 0);
        Assert.Equal(2, _gateway.Upgrades);
        tool.Dispose();
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task What_the_gateway_closes_or_breaks_is_noticed()
    {
        await using var relay = await RelayUnderTest.StartAsync(_gateway);
        var (tool, tunnel) = await OpenAsync(relay);
        var ready = await _gateway.AcceptAsync();
        await ReadyAsync(relay, 1);
        await EndAsync(tool, tunnel);
        await tunnel.SendAsync(new UpstreamProxyChunk { Next = true });
        Assert.True((await tunnel.ReadChunkAsync())!.Next);
        await ReadyAsync(relay, 2);

        ready.Abort();
        await tunnel.CloseAsync();

        await ReadyAsync(relay, 0);
        Assert.Null(await tunnel.ReadChunkAsync());
        tool.Dispose();
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task Nothing_is_opened_before_the_first_tunnel_and_a_gateway_that_refuses_is_not_asked_again_in_the_background()
    {
        await using var relay = await RelayUnderTest.StartAsync(_gateway);
        Assert.Equal(0, _gateway.Upgrades);
        var refused = new TaskCompletionSource();
        _gateway.OnUpgrade = context =>
        {
            if (_gateway.Upgrades == 1) return _gateway.ServeAsync(context);
            context.Response.StatusCode = 401;
            context.Response.OnCompleted(() =>
            {
                refused.TrySetResult();
                return Task.CompletedTask;
            });
            return Task.CompletedTask;
        };

        var (tool, _) = await OpenAsync(relay);
        await refused.Task.WaitAsync(Limits.Token);
        using var second = await relay.ConnectAsync();
        await second.SendAsync(Connect);

        Assert.Contains("status 401", await second.ReadToEndAsync(), StringComparison.Ordinal);
        Assert.Equal(3, _gateway.Upgrades);
        tool.Dispose();
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task As_many_are_opened_ahead_as_came_at_once_up_to_a_limit()
    {
        const int AtOnce = 12;
        await using var relay = await RelayUnderTest.StartAsync(_gateway, options => options with { OpenTimeout = Limits.Test });
        var all = new TaskCompletionSource();
        _gateway.OnUpgrade = async context =>
        {
            if (_gateway.Upgrades >= AtOnce) all.TrySetResult();
            await all.Task;
            await _gateway.ServeAsync(context);
        };
        var tools = new List<Tool>();
        for (var i = 0; i < AtOnce; i++)
        {
            tools.Add(await relay.ConnectAsync());
            await tools[i].SendAsync(Connect);
        }

        await ReadyAsync(relay, ReadyWebSockets.MostAhead);

        Assert.Equal(AtOnce + ReadyWebSockets.MostAhead, _gateway.Upgrades);
        foreach (var tool in tools) tool.Dispose();
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task Through_an_egress_proxy_too_the_next_tunnel_needs_no_connection()
    {
        await using var proxy = new TestProxy(_gateway.Port);
        await using var relay = new RelayUnderTest();
        relay.Environment["HTTP_PROXY"] = $"http://127.0.0.1:{proxy.Port}";
        relay.Options = relay.Options with { Gateway = "http://gw.test" };
        Assert.IsType<StartupOutcome.Started>(await relay.StartAsync());
        var (tool, tunnel) = await OpenAsync(relay);
        await ReadyAsync(relay, 1);

        await EndAsync(tool, tunnel);
        await tunnel.SendAsync(new UpstreamProxyChunk { Next = true });
        Assert.True((await tunnel.ReadChunkAsync())!.Next);
        await ReadyAsync(relay, 2);
        using var second = await relay.ConnectAsync();
        await second.SendAsync(Connect);
        await AnswerAsync(second, tunnel);

        // The CA, the first tunnel, and one ahead.
        Assert.Equal(3, proxy.Heads.Count);
        tool.Dispose();
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task At_the_end_of_the_relay_all_are_closed()
    {
        var relay = await RelayUnderTest.StartAsync(_gateway);
        var (tool, tunnel) = await OpenAsync(relay);
        var ready = await _gateway.AcceptAsync();
        await ReadyAsync(relay, 1);

        var drained = relay.Relay.DrainAsync(Limits.Test);
        Assert.Null(await ready.ReadChunkAsync());
        Assert.Equal(WebSocketCloseStatus.NormalClosure, ready.CloseStatus);
        // A tunnel that ends meanwhile is closed.
        await EndAsync(tool, tunnel);
        Assert.Null(await tunnel.ReadChunkAsync());
        await tunnel.CloseAsync();
        await drained;

        tool.Dispose();
        await relay.DisposeAsync();
    }

    private async Task<(Tool Tool, GatewayTunnel Tunnel)> OpenAsync(RelayUnderTest relay)
    {
        var tool = await relay.ConnectAsync();
        await tool.SendAsync(Connect);
        var tunnel = await _gateway.AcceptAsync();
        await AnswerAsync(tool, tunnel);
        return (tool, tunnel);
    }

    private static async Task AnswerAsync(Tool tool, GatewayTunnel tunnel)
    {
        Assert.StartsWith("CONNECT echo.test:443", (await tunnel.ReadChunkAsync())!.Data.ToStringUtf8(), StringComparison.Ordinal);
        await tunnel.SendAsync(Established);
        Assert.Equal(Established, await tool.ReadAsync(Established.Length));
    }

    private static async Task EndAsync(Tool tool, GatewayTunnel tunnel)
    {
        await tool.SendAsync("question");
        tool.EndSending();
        Assert.Equal("question", await tunnel.ReadTextAsync(8));
        Assert.True((await tunnel.ReadChunkAsync())!.EndOfData);
        await tunnel.SendAsync(new UpstreamProxyChunk { Data = ByteString.CopyFromUtf8("answer"), EndOfData = true });
        Assert.Equal("answer", await tool.ReadToEndAsync());
    }

    private static async Task ReadyAsync(RelayUnderTest relay, int count)
    {
        while (relay.Relay.Status.ReadyWebsockets != count) await Task.Delay(Limits.Poll, Limits.Token);
    }

    private static async Task AssertNothingCameAsync(Task<byte[]?> more)
    {
        try
        {
            Assert.Null(await more.WaitAsync(Limits.Token));
        }
        catch (Exception e) when (e is WebSocketException or IOException or OperationCanceledException)
        {
            Assert.False(e is OperationCanceledException && Limits.Token.IsCancellationRequested, "the dead WebSocket was not let go");
        }
    }
}
