using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using Fairlead.Tests.Wire.Oracle;
using Google.Protobuf;
using Microsoft.AspNetCore.Http;

namespace Fairlead.Tests.Relay;

public sealed class ConnectSessionTests : IAsyncLifetime
{
    private const string Connect = "CONNECT echo.test:443 HTTP/1.1\r\nHost: echo.test:443\r\n\r\n";
    private const string Established = "HTTP/1.1 200 Connection Established\r\n\r\n";

    private TestGateway _gateway = null!;
    private RelayUnderTest _relay = null!;

    public async ValueTask InitializeAsync()
    {
        _gateway = await TestGateway.StartAsync();
        _relay = await RelayUnderTest.StartAsync(_gateway);
    }

    public async ValueTask DisposeAsync()
    {
        await _relay.DisposeAsync();
        await _gateway.DisposeAsync();
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task The_first_chunk_is_the_117_bytes_of_the_protocol()
    {
        using var tool = await _relay.ConnectAsync();

        await tool.SendAsync("CONNECT echo.test:443 HTTP/1.1\r\nHost: echo.test:443\r\nUser-Agent: x\r\nProxy-Authorization: Basic eA==\r\n\r\n");

        var message = await (await _gateway.AcceptAsync()).ReadMessageAsync();
        Assert.Equal(
            "0a73434f4e4e454354206563686f2e746573743a34343320485454502f312e310d0a50726f78792d417574686f72697a6174696f6e3a204261736963206447567a6443317a5a584e7a"
            + "615739754f6e4e724c5746756443317a61533147515574464c6c52505330564f4c6e5a686248566c0d0a0d0a",
            Convert.ToHexStringLower(message!));
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task The_upgrade_carries_token_and_media_type()
    {
        using var tool = await _relay.ConnectAsync();

        await tool.SendAsync(Connect);

        var headers = (await _gateway.AcceptAsync()).Headers;
        Assert.Equal("Bearer sk-ant-si-FAKE.TOKEN.value", headers["Authorization"]);
        Assert.Equal("application/proto", headers["Content-Type"]);
        Assert.Equal("1", headers["Fairlead-Tunnel"]);
        Assert.Equal($"127.0.0.1:{_gateway.Port}", headers["Host"]);
        Assert.StartsWith("fairlead/", headers["User-Agent"], StringComparison.Ordinal);
        Assert.DoesNotContain("Sec-WebSocket-Extensions", headers.Keys);
    }

    [Theory(Timeout = Limits.TestMilliseconds)]
    [InlineData("CONNECT echo.test:443 HTTP/1.0\r\n\r\n", "CONNECT echo.test:443 HTTP/1.1\r\n")]
    [InlineData("connect echo.test:443 HTTP/1.1\r\n\r\n", "CONNECT echo.test:443 HTTP/1.1\r\n")]
    [InlineData("CONNECT ECHO.test.:443 HTTP/1.1\r\n\r\n", "CONNECT ECHO.test.:443 HTTP/1.1\r\n")]
    public async Task Every_form_of_CONNECT_opens_a_tunnel_to_the_target_as_written(string head, string first)
    {
        using var tool = await _relay.ConnectAsync();

        await tool.SendAsync(head);

        var chunk = await (await _gateway.AcceptAsync()).ReadChunkAsync();
        Assert.StartsWith(first, chunk!.Data.ToStringUtf8(), StringComparison.Ordinal);
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task A_head_may_come_byte_by_byte()
    {
        using var tool = await _relay.ConnectAsync();

        foreach (var c in Connect) await tool.SendAsync(c.ToString());

        var chunk = await (await _gateway.AcceptAsync()).ReadChunkAsync();
        Assert.StartsWith("CONNECT echo.test:443 ", chunk!.Data.ToStringUtf8(), StringComparison.Ordinal);
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task A_ClientHello_that_comes_with_the_CONNECT_follows_in_its_own_chunk()
    {
        using var tool = await _relay.ConnectAsync();

        await tool.SendAsync(Connect + "\x16\x03\x01hello");
        await tool.SendAsync("and more");

        var tunnel = await _gateway.AcceptAsync();
        Assert.StartsWith("CONNECT", (await tunnel.ReadChunkAsync())!.Data.ToStringUtf8(), StringComparison.Ordinal);
        var text = await tunnel.ReadTextAsync(8);
        if (text.Length < 16) text += await tunnel.ReadTextAsync(16 - text.Length);
        Assert.Equal("\x16\x03\x01helloand more", text);
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task After_8193_bytes_without_a_blank_line_the_answer_is_400()
    {
        using var tool = await _relay.ConnectAsync();

        await tool.SendAsync("CONNECT echo.test:443 HTTP/1.1\r\nX: ".PadRight(8193, 'x'));

        Assert.Equal("HTTP/1.1 400 Bad Request\r\n\r\n", await tool.ReadToEndAsync());
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task A_head_of_8193_bytes_is_served()
    {
        using var tool = await _relay.ConnectAsync();

        await tool.SendAsync("CONNECT echo.test:443 HTTP/1.1\r\nX: ".PadRight(8189, 'x') + "\r\n\r\n");

        Assert.NotNull(await (await _gateway.AcceptAsync()).ReadChunkAsync());
    }

    [Theory(Timeout = Limits.TestMilliseconds)]
    [InlineData("GET http://example.com/ HTTP/1.1\r\nHost: example.com\r\n\r\n")]
    [InlineData("CONNECT echo.test:443 HTTP/2.0\r\n\r\n")]
    [InlineData("CONNECT echo.test:443\r\n\r\n")]
    [InlineData("\x16\x03\x01\r\n\r\n")]
    public async Task Anything_else_is_answered_405_with_the_reason(string head)
    {
        using var tool = await _relay.ConnectAsync();

        await tool.SendAsync(head);

        var answer = await tool.ReadToEndAsync();
        Assert.StartsWith("HTTP/1.1 405 Method Not Allowed\r\n\r\nfairlead: this is a CONNECT proxy for HTTPS; ", answer, StringComparison.Ordinal);
    }

    [Theory(Timeout = Limits.TestMilliseconds)]
    [InlineData(401, "it does not know the session's token, or no longer")]
    [InlineData(404, "is there a Fairlead gateway at this address and path?")]
    [InlineData(302, "redirects are not followed")]
    [InlineData(500, "refused the tunnel with status 500")]
    public async Task A_refused_upgrade_is_502_and_names_the_hop(int status, string hint)
    {
        _gateway.OnUpgrade = context =>
        {
            context.Response.StatusCode = status;
            context.Response.Headers.Location = "http://127.0.0.1:1/";
            return Task.CompletedTask;
        };
        using var tool = await _relay.ConnectAsync();

        await tool.SendAsync(Connect);

        var answer = await tool.ReadToEndAsync();
        Assert.StartsWith("HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ", answer, StringComparison.Ordinal);
        Assert.Contains("\r\nConnection: close\r\n\r\nfairlead: the gateway 127.0.0.1:", answer, StringComparison.Ordinal);
        Assert.Contains(hint, answer, StringComparison.Ordinal);
        Assert.DoesNotContain(RelayUnderTest.Token, answer + _relay.Log, StringComparison.Ordinal);
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task A_connection_cut_before_101_is_502()
    {
        _gateway.OnUpgrade = context =>
        {
            context.Abort();
            return Task.CompletedTask;
        };
        using var tool = await _relay.ConnectAsync();

        await tool.SendAsync(Connect);

        Assert.StartsWith("HTTP/1.1 502 Bad Gateway\r\n", await tool.ReadToEndAsync(), StringComparison.Ordinal);
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task A_gateway_that_is_gone_is_502()
    {
        await _gateway.DisposeAsync();
        using var tool = await _relay.ConnectAsync();

        await tool.SendAsync(Connect);

        Assert.Contains("cannot be reached: Connection refused", await tool.ReadToEndAsync(), StringComparison.Ordinal);
    }

    [Theory(Timeout = Limits.TestMilliseconds)]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Closed_after_101_before_any_byte_is_502(bool cleanly)
    {
        using var tool = await _relay.ConnectAsync();
        await tool.SendAsync(Connect + "hello");
        var tunnel = await _gateway.AcceptAsync();

        // A cut connection forgets what the relay has not read: it has the 101 once it says CONNECT.
        await tunnel.ReadChunkAsync();
        if (cleanly) await tunnel.CloseAsync();
        else tunnel.Abort();

        Assert.StartsWith("HTTP/1.1 502 Bad Gateway\r\n", await tool.ReadToEndAsync(), StringComparison.Ordinal);
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task A_refusal_of_the_gateway_is_passed_on_as_it_is()
    {
        using var tool = await _relay.ConnectAsync();
        await tool.SendAsync(Connect);
        var tunnel = await _gateway.AcceptAsync();

        await tunnel.SendAsync("HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno\n");
        await tunnel.CloseAsync();

        Assert.Equal("HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno\n", await tool.ReadToEndAsync());
    }

    [Theory(Timeout = Limits.TestMilliseconds)]
    [InlineData("abort")]
    [InlineData("error")]
    [InlineData("text")]
    [InlineData("garbage")]
    public async Task After_200_only_tunnel_bytes(string how)
    {
        using var tool = await _relay.ConnectAsync();
        await tool.SendAsync(Connect);
        var tunnel = await _gateway.AcceptAsync();
        await tunnel.SendAsync(Established + "tls");
        var before = await tool.ReadAsync(Established.Length + 3);

        switch (how)
        {
            case "abort": tunnel.Abort(); break;
            case "error": await tunnel.CloseAsync(WebSocketCloseStatus.InternalServerError); break;
            case "text": await tunnel.SendRawAsync("hello"u8.ToArray(), WebSocketMessageType.Text); break;
            default: await tunnel.SendRawAsync([0x0a, 0x7f]); break;
        }

        Assert.Equal(Established + "tls", before);
        // A reset, so that what came is not taken for the whole.
        var cut = await Assert.ThrowsAsync<SocketException>(tool.ReadToEndAsync);
        Assert.Equal(SocketError.ConnectionReset, cut.SocketErrorCode);
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task A_tools_end_is_carried_and_the_answer_still_comes()
    {
        using var tool = await _relay.ConnectAsync();
        await tool.SendAsync(Connect);
        var tunnel = await _gateway.AcceptAsync();
        await tunnel.ReadChunkAsync();
        await tunnel.SendAsync(Established);

        await tool.SendAsync("question");
        tool.EndSending();

        Assert.Equal("question", await tunnel.ReadTextAsync(8));
        Assert.True((await tunnel.ReadChunkAsync())!.EndOfData);
        await tunnel.SendAsync("answer");
        await tunnel.SendAsync(new UpstreamProxyChunk { EndOfData = true });
        Assert.Equal(Established + "answer", await tool.ReadToEndAsync());
        Assert.Null(await tunnel.ReadChunkAsync());
        Assert.Equal(WebSocketCloseStatus.NormalClosure, tunnel.CloseStatus);
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task A_gateways_end_is_carried_and_the_tool_may_go_on()
    {
        using var tool = await _relay.ConnectAsync();
        await tool.SendAsync(Connect);
        var tunnel = await _gateway.AcceptAsync();
        await tunnel.ReadChunkAsync();
        await tunnel.SendAsync(Established);

        await tunnel.SendAsync(new UpstreamProxyChunk { Data = ByteString.CopyFromUtf8("last"), EndOfData = true });

        Assert.Equal(Established + "last", await tool.ReadToEndAsync());
        await tool.SendAsync("more");
        Assert.Equal("more", await tunnel.ReadTextAsync(4));
        tool.EndSending();
        Assert.True((await tunnel.ReadChunkAsync())!.EndOfData);
        Assert.Null(await tunnel.ReadChunkAsync());
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task A_gateway_that_leaves_after_its_end_ends_the_tool_too()
    {
        using var tool = await _relay.ConnectAsync();
        await tool.SendAsync(Connect);
        var tunnel = await _gateway.AcceptAsync();
        await tunnel.ReadChunkAsync();
        await tunnel.SendAsync(Established);
        await tunnel.SendAsync(new UpstreamProxyChunk { EndOfData = true });
        await tool.ReadToEndAsync();

        await tunnel.CloseAsync();

        Assert.Null(await tunnel.ReadChunkAsync());
        // The relay has closed its end: sending comes back as an error, at the latest when the first bytes were refused.
        await Assert.ThrowsAsync<SocketException>(async () =>
        {
            while (true) await tool.SendAsync("into the void");
        });
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task To_a_gateway_that_knows_no_half_close_a_tools_end_closes_the_tunnel()
    {
        _gateway.KnowsEndOfData = false;
        using var tool = await _relay.ConnectAsync();
        await tool.SendAsync(Connect);
        var tunnel = await _gateway.AcceptAsync();
        await tunnel.ReadChunkAsync();
        await tunnel.SendAsync(Established);
        await tool.ReadAsync(Established.Length);

        tool.EndSending();

        Assert.Null(await tunnel.ReadChunkAsync());
        Assert.Equal(WebSocketCloseStatus.NormalClosure, tunnel.CloseStatus);
        await tunnel.SendAsync("last words");
        await tunnel.CloseAsync();
        Assert.Equal("last words", await tool.ReadToEndAsync());
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task A_tool_that_resets_is_an_abort_to_the_gateway()
    {
        using var tool = await _relay.ConnectAsync();
        await tool.SendAsync(Connect);
        var tunnel = await _gateway.AcceptAsync();
        await tunnel.ReadChunkAsync();
        await tunnel.SendAsync(Established);
        await tool.ReadAsync(Established.Length);

        tool.Reset();

        Assert.Null(await tunnel.ReadChunkAsync());
        Assert.Equal(WebSocketCloseStatus.InternalServerError, tunnel.CloseStatus);
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task A_tool_that_leaves_after_its_end_is_a_clean_end_to_the_gateway()
    {
        using var tool = await _relay.ConnectAsync();
        await tool.SendAsync(Connect);
        var tunnel = await _gateway.AcceptAsync();
        await tunnel.ReadChunkAsync();
        await tunnel.SendAsync(Established);
        await tool.ReadAsync(Established.Length);

        tool.Dispose();
        Assert.True((await tunnel.ReadChunkAsync())!.EndOfData);
        var close = tunnel.ReadChunkAsync();
        // The goodbye of TLS, which nobody takes any more: the second write at the latest finds the connection reset.
        while (!close.IsCompleted) await tunnel.SendAsync("bye");

        Assert.Null(await close);
        Assert.Equal(WebSocketCloseStatus.NormalClosure, tunnel.CloseStatus);
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task Bulk_data_arrives_whole_in_both_directions_at_once()
    {
        const int Size = 8 * 1024 * 1024;
        using var tool = await _relay.ConnectAsync();
        await tool.SendAsync(Connect);
        var tunnel = await _gateway.AcceptAsync();
        await tunnel.ReadChunkAsync();
        var up = string.Create(Size, 0, (span, _) => { for (var i = 0; i < span.Length; i++) span[i] = (char)(i * 31 % 251); });
        var down = string.Create(Size, 0, (span, _) => { for (var i = 0; i < span.Length; i++) span[i] = (char)(i * 17 % 253); });

        var sendUp = tool.SendAsync(up);
        var sendDown = Task.Run(async () => { for (var i = 0; i < Size; i += 512 * 1024) await tunnel.SendAsync(down.Substring(i, 512 * 1024)); }, Limits.Token);
        var gotUp = tunnel.ReadTextAsync(Size);
        var gotDown = tool.ReadAsync(Size);
        await Task.WhenAll(sendUp, sendDown, gotUp, gotDown);

        Assert.True(up == await gotUp);
        Assert.True(down == await gotDown);
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task A_tunnel_over_the_limit_is_answered_503()
    {
        await using var relay = new RelayUnderTest();
        relay.Options = relay.Options with { Gateway = _gateway.Url, MaxTunnels = 1 };
        await relay.StartAsync();
        using var first = await relay.ConnectAsync();
        await first.SendAsync(Connect);
        await _gateway.AcceptAsync();
        using var second = await relay.ConnectAsync();

        await second.SendAsync(Connect);

        Assert.StartsWith("HTTP/1.1 503 Service Unavailable\r\n\r\nfairlead: 1 tunnels", await second.ReadToEndAsync(), StringComparison.Ordinal);
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task Stopping_lets_open_tunnels_end()
    {
        using var tool = await _relay.ConnectAsync();
        await tool.SendAsync(Connect);
        var tunnel = await _gateway.AcceptAsync();
        await tunnel.SendAsync(Established);
        await tool.ReadAsync(Established.Length);

        var drained = _relay.Relay.DrainAsync(Limits.Test);
        await tunnel.SendAsync("late");
        await tunnel.CloseAsync();

        Assert.Equal("late", await tool.ReadToEndAsync());
        await drained;
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task Stopping_at_once_cuts_tunnels_so_that_neither_side_takes_them_for_whole()
    {
        using var tool = await _relay.ConnectAsync();
        await tool.SendAsync(Connect);
        var tunnel = await _gateway.AcceptAsync();
        await tunnel.ReadChunkAsync();
        await tunnel.SendAsync(Established);
        await tool.ReadAsync(Established.Length);

        await _relay.Relay.DrainAsync(TimeSpan.Zero);

        await Assert.ThrowsAsync<SocketException>(tool.ReadToEndAsync);
        Assert.Null(await tunnel.ReadChunkAsync());
        Assert.Equal(WebSocketCloseStatus.InternalServerError, tunnel.CloseStatus);
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task Bytes_that_come_with_the_101_are_the_first_of_the_tunnel()
    {
        await using var peer = new RawPeer((_, request) => Task.FromResult(request.Contains("/ca-cert", StringComparison.Ordinal)
            ? $"HTTP/1.1 200 OK\r\nContent-Length: {TestGateway.CaPem.Length}\r\n\r\n{TestGateway.CaPem}"
            : RawPeer.Upgrade(request) + "\x82\x07\x0a\x05hello" + "\x88\x02\x03\xe8"));
        await using var relay = new RelayUnderTest();
        relay.Options = relay.Options with { Gateway = $"http://127.0.0.1:{peer.Port}" };
        await relay.StartAsync();
        using var tool = await relay.ConnectAsync();

        await tool.SendAsync(Connect);

        Assert.Equal("hello", await tool.ReadToEndAsync());
    }

    [Theory(Timeout = Limits.TestMilliseconds)]
    [InlineData("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAA\r\n\r\n", "not as a WebSocket server does")]
    [InlineData("HTTP/1.1 101 Switching Protocols\r\n\r\n", "not as a WebSocket server does")]
    [InlineData("SSH-2.0-OpenSSH_9.6\r\n\r\n", "does not speak HTTP")]
    [InlineData("", "closed the connection without an answer")]
    public async Task An_answer_that_is_no_upgrade_is_502(string answer, string problem)
    {
        await using var peer = new RawPeer((_, request) => Task.FromResult(
            request.Contains("/ca-cert", StringComparison.Ordinal) ? $"HTTP/1.1 200 OK\r\nContent-Length: {TestGateway.CaPem.Length}\r\n\r\n{TestGateway.CaPem}" : answer));
        await using var relay = new RelayUnderTest();
        relay.Options = relay.Options with { Gateway = $"http://127.0.0.1:{peer.Port}" };
        await relay.StartAsync();
        using var tool = await relay.ConnectAsync();

        await tool.SendAsync(Connect);

        Assert.Contains(problem, await tool.ReadToEndAsync(), StringComparison.Ordinal);
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task A_tool_that_leaves_within_its_head_harms_nobody()
    {
        using (var leaver = await _relay.ConnectAsync()) await leaver.SendAsync("CONNECT ec");
        using var tool = await _relay.ConnectAsync();

        await tool.SendAsync(Connect);

        Assert.NotNull(await (await _gateway.AcceptAsync()).ReadChunkAsync());
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task The_log_of_a_tunnel_says_target_outcome_and_bytes_and_no_secret()
    {
        using var tool = await _relay.ConnectAsync();
        await tool.SendAsync(Connect);
        var tunnel = await _gateway.AcceptAsync();
        await tunnel.SendAsync(Established);
        await tunnel.CloseAsync();
        await tool.ReadToEndAsync();
        tool.Dispose();

        await _relay.Relay.DrainAsync(Limits.Test);

        Assert.Contains($"fairlead: tunnel echo.test:443: ended, 115 bytes up, {Established.Length} bytes down", _relay.Log, StringComparison.Ordinal);
        Assert.DoesNotContain(RelayUnderTest.Token, _relay.Log, StringComparison.Ordinal);
        Assert.DoesNotContain(Convert.ToBase64String(Encoding.ASCII.GetBytes($"{RelayUnderTest.Session}:{RelayUnderTest.Token}")), _relay.Log, StringComparison.Ordinal);
    }
}
