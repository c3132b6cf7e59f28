using System.Net.Sockets;
using System.Net.WebSockets;
using Microsoft.AspNetCore.Http;

namespace Fairlead.Tests.Relay;

/// <summary>A tool that asks for what the gateway said yes to before is told so ahead of it: what it gains, and what it loses when the gateway says something else.</summary>
public sealed class ToldAheadTests : IAsyncLifetime
{
    private const string Connect = "CONNECT echo.test:443 HTTP/1.1\r\nHost: echo.test:443\r\n\r\n";
    private const string Established = "HTTP/1.1 200 Connection Established\r\n\r\n";
    // A record of 6 bytes, in which a ClientHello begins.
    private const string Hello = "\x16\x03\x01\0\x06\x01hello";

    // Stands still: a tool is waited for until it speaks.
    private readonly FakeTimeProvider _time = new(TimeProvider.System.GetUtcNow());

    private TestGateway _gateway = null!;
    private RelayUnderTest _relay = null!;
    private Tool _first = null!;
    private GatewayTunnel _ready = null!;

    public async ValueTask InitializeAsync()
    {
        _gateway = await TestGateway.StartAsync();
        _gateway.KnowsReuse = true;
        _relay = await RelayUnderTest.StartAsync(_gateway, time: _time);
        _first = await _relay.ConnectAsync();
        await _first.SendAsync(Connect);
        var tunnel = await _gateway.AcceptAsync();
        await tunnel.ReadChunkAsync();
        await tunnel.SendAsync(Established);
        await _first.ReadAsync(Established.Length);
        _ready = await _gateway.AcceptAsync();
        while (_relay.Relay.Status.ReadyWebsockets != 1) await Task.Delay(Limits.Poll, Limits.Token);
    }

    public async ValueTask DisposeAsync()
    {
        _first.Dispose();
        await _relay.DisposeAsync();
        await _gateway.DisposeAsync();
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task The_tool_is_told_before_the_gateway_has_answered_and_its_ClientHello_goes_right_behind_the_CONNECT()
    {
        using var tool = await _relay.ConnectAsync();
        await tool.SendAsync(Connect);
        Assert.Equal(Established, await tool.ReadAsync(Established.Length));
        Assert.StartsWith("CONNECT echo.test:443", (await _ready.ReadChunkAsync())!.Data.ToStringUtf8(), StringComparison.Ordinal);
        await tool.SendAsync(Hello);
        Assert.Equal(Hello, await _ready.ReadTextAsync(Hello.Length));

        // The gateway's own answer is not for the tool, and what is behind it in the same chunk is.
        await _ready.SendAsync(Established + "server's ");
        await _ready.SendAsync("hello");
        Assert.Equal("server's hello", await tool.ReadAsync(14));
        await tool.SendAsync("finished");
        Assert.Equal("finished", await _ready.ReadTextAsync(8));
    }

    [Theory(Timeout = Limits.TestMilliseconds)]
    [InlineData(Hello + "\x17\x03\x03\0\u0005early", Hello, "\x17\x03\x03\0\u0005early")]
    [InlineData("GET / HTTP/1.1\r\n\r\n", "", "GET / HTTP/1.1\r\n\r\n")]
    [InlineData("\x17\x03\x03\0\u0005early", "", "\x17\x03\x03\0\u0005early")]
    [InlineData("\x16\x03\x01\0\x06\x02hello", "", "\x16\x03\x01\0\x06\x02hello")]
    [InlineData("\x16\x03\x01\x7f\x7f\x01half", "\x16\x03\x01\x7f\x7f\x01half", "")]
    [InlineData("\x16\x03\x01", "", "\x16\x03\x01")]
    public async Task Nothing_but_a_ClientHello_goes_before_the_answer(string said, string ahead, string behind)
    {
        using var tool = await _relay.ConnectAsync();
        await tool.SendAsync(Connect + said);

        Assert.EndsWith("\r\n\r\n", (await _ready.ReadChunkAsync())!.Data.ToStringUtf8(), StringComparison.Ordinal);
        Assert.Equal(ahead, await _ready.ReadTextAsync(ahead.Length));
        var next = _ready.ReadTextAsync(behind.Length);
        await Task.Delay(Limits.Poll, Limits.Token);
        Assert.Equal(behind.Length == 0, next.IsCompleted);
        await _ready.SendAsync(Established);
        Assert.Equal(behind, await next);
        await _ready.SendAsync("answer");
        Assert.Equal(Established + "answer", await tool.ReadAsync(Established.Length + 6));
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task A_tool_that_waits_to_be_spoken_to_is_not_waited_for()
    {
        using var tool = await _relay.ConnectAsync();
        await tool.SendAsync(Connect);
        Assert.Equal(Established, await tool.ReadAsync(Established.Length));
        Assert.EndsWith("\r\n\r\n", (await _ready.ReadChunkAsync())!.Data.ToStringUtf8(), StringComparison.Ordinal);
        await _ready.SendAsync(Established + "220 ready");
        var greeting = tool.ReadAsync(9);
        while (!greeting.IsCompleted)
        {
            _time.Advance(TimeSpan.FromMilliseconds(20));
            await Task.Delay(Limits.Poll, Limits.Token);
        }

        Assert.Equal("220 ready", await greeting);
    }

    [Theory(Timeout = Limits.TestMilliseconds)]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_ready_WebSocket_that_dies_is_no_error_to_the_tool_and_only_its_ClientHello_is_sent_again(bool cleanly)
    {
        using var tool = await _relay.ConnectAsync();
        await tool.SendAsync(Connect + Hello + "rest");
        await _ready.ReadChunkAsync();
        Assert.Equal(Hello, await _ready.ReadTextAsync(Hello.Length));

        if (cleanly) await _ready.CloseAsync();
        else _ready.Abort();

        var (tunnel, connect) = await _gateway.AcceptAskedAsync();
        Assert.EndsWith("\r\n\r\n", connect!.Data.ToStringUtf8(), StringComparison.Ordinal);
        Assert.Equal(Hello + "rest", await tunnel.ReadTextAsync(Hello.Length + 4));
        await tunnel.SendAsync(Established);
        await tunnel.SendAsync("answer");
        Assert.Equal(Established + "answer", await tool.ReadAsync(Established.Length + 6));
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task A_refusal_behind_it_cuts_the_tool_and_is_told_by_the_relay_and_the_next_tool_has_it_in_words()
    {
        const string Refusal = "HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno\n";
        using var tool = await _relay.ConnectAsync();
        await tool.SendAsync(Connect + Hello);
        await _ready.ReadChunkAsync();
        Assert.Equal(Hello, await _ready.ReadTextAsync(Hello.Length));
        await _ready.SendAsync(Refusal);

        // Words would be taken for TLS.
        Assert.Equal(Established, await tool.ReadAsync(Established.Length));
        await Assert.ThrowsAsync<SocketException>(tool.ReadToEndAsync);
        Assert.Null(await _ready.ReadChunkAsync());
        Assert.Equal(WebSocketCloseStatus.InternalServerError, _ready.CloseStatus);
        var refusal = Assert.Single(_relay.Relay.Status.Refusals);
        Assert.Equal(("policy", "no"), (refusal.Kind, refusal.Message));

        using var second = await _relay.ConnectAsync();
        await second.SendAsync(Connect + Hello);
        // The relay opens a WebSocket ahead besides, which may be there first.
        var (tunnel, _) = await _gateway.AcceptAskedAsync();
        await tunnel.SendAsync(Refusal);
        await tunnel.CloseAsync();
        Assert.Equal(Refusal, await second.ReadToEndAsync());
    }

    [Theory(Timeout = Limits.TestMilliseconds)]
    [InlineData("refuses")]
    [InlineData("closes")]
    [InlineData("SSH-2.0-x")]
    [InlineData("no answer\r\n\r\nand more")]
    [InlineData("HTTP/1.1 \r\n\r\nand more")]
    [InlineData("HTTP/1.1 200 half a head")]
    public async Task Where_no_tunnel_can_be_had_after_all_the_tool_is_cut_without_a_word_and_the_next_one_is_told_why(string gateway)
    {
        using var tool = await _relay.ConnectAsync();
        await tool.SendAsync(Connect + Hello);
        await _ready.ReadChunkAsync();
        var last = _gateway.Upgrades + (gateway == "refuses" ? 0 : 1);
        _gateway.OnUpgrade = context => _gateway.Upgrades <= last ? _gateway.ServeAsync(context) : RefuseAsync(context);
        _ready.Abort();
        if (gateway != "refuses")
        {
            var tunnel = await _gateway.AcceptAsync();
            await tunnel.ReadChunkAsync();
            if (gateway == "closes") await tunnel.CloseAsync();
            else await tunnel.SendAsync(gateway);
        }

        Assert.Equal(Established, await tool.ReadAsync(Established.Length));
        await Assert.ThrowsAsync<SocketException>(tool.ReadToEndAsync);
        while (_relay.Relay.Status.Refusals.Count != 1) await Task.Delay(Limits.Poll, Limits.Token);
        using var second = await _relay.ConnectAsync();
        await second.SendAsync(Connect + Hello);
        Assert.StartsWith("HTTP/1.1 502 Bad Gateway\r\n", await second.ReadToEndAsync(), StringComparison.Ordinal);
    }

    private static Task RefuseAsync(HttpContext context)
    {
        context.Response.StatusCode = 404;
        return Task.CompletedTask;
    }
}
