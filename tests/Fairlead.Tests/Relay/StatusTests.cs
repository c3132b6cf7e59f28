using System.Text.Json;
using Fairlead.Relay.Status;
using Fairlead.Tests.Wire.Oracle;
using Google.Protobuf;

namespace Fairlead.Tests.Relay;

public sealed class StatusTests : IAsyncLifetime
{
    private const string Connect = "CONNECT echo.test:443 HTTP/1.1\r\n\r\n";
    private const string Established = "HTTP/1.1 200 Connection Established\r\n\r\n";

    private TestGateway _gateway = null!;
    private RelayUnderTest _relay = null!;

    public async ValueTask InitializeAsync()
    {
        _gateway = await TestGateway.StartAsync();
        _relay = await RelayUnderTest.StartAsync(_gateway, options => options with { MaxTunnels = 3 });
    }

    public async ValueTask DisposeAsync()
    {
        await _relay.DisposeAsync();
        await _gateway.DisposeAsync();
    }

    [Theory(Timeout = Limits.TestMilliseconds)]
    [InlineData("127.0.0.1")]
    [InlineData("127.0.0.1:PORT")]
    [InlineData("localhost")]
    [InlineData("LocalHost:PORT")]
    public async Task The_relay_itself_answers_its_status(string host)
    {
        var answer = await AskAsync($"GET /fairlead/status HTTP/1.1\r\nHost: {Here(host)}\r\n\r\n");

        Assert.StartsWith("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n", answer, StringComparison.Ordinal);
        Assert.DoesNotContain("Access-Control", answer, StringComparison.OrdinalIgnoreCase);
        var json = JsonDocument.Parse(answer[answer.IndexOf("\r\n\r\n", StringComparison.Ordinal)..]).RootElement;
        Assert.Equal(("ready", _relay.Relay.Port), (json.GetProperty("state").GetString(), json.GetProperty("port").GetInt32()));
        Assert.Equal(RelayUnderTest.Session, json.GetProperty("session").GetString());
        Assert.Equal(_gateway.Url, json.GetProperty("gateway").GetProperty("address").GetString());
        Assert.Equal(_relay.Options.CaBundle, json.GetProperty("trust").GetProperty("ca_bundle").GetString());
        Assert.DoesNotContain(RelayUnderTest.Token, answer, StringComparison.Ordinal);
    }

    // A page of the web that has its own name point at 127.0.0.1 sends that name.
    [Theory(Timeout = Limits.TestMilliseconds)]
    [InlineData("Host: attacker.example\r\n")]
    [InlineData("Host: attacker.example:PORT\r\n")]
    [InlineData("Host: localhost.attacker.example\r\n")]
    [InlineData("Host: 127.0.0.1:1\r\n")]
    [InlineData("Host: 127.0.0.1\r\nHost: 127.0.0.1\r\n")]
    [InlineData("")]
    public async Task Any_other_host_is_refused(string header)
    {
        var answer = await AskAsync($"GET /fairlead/status HTTP/1.1\r\n{Here(header)}\r\n");

        Assert.StartsWith("HTTP/1.1 403 Forbidden\r\n", answer, StringComparison.Ordinal);
        Assert.DoesNotContain(RelayUnderTest.Session, answer, StringComparison.Ordinal);
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task It_is_read_only()
    {
        var head = await AskAsync("HEAD /fairlead/status HTTP/1.1\r\nHost: localhost\r\n\r\n");
        var post = await AskAsync("POST /fairlead/status HTTP/1.1\r\nHost: localhost\r\n\r\n");

        Assert.StartsWith("HTTP/1.1 200 OK\r\n", head, StringComparison.Ordinal);
        Assert.EndsWith("\r\n\r\n", head, StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 405 Method Not Allowed\r\nAllow: GET, HEAD\r\n", post, StringComparison.Ordinal);
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task Open_tunnels_are_listed_and_bytes_are_counted_after_their_end_too()
    {
        using (var tool = await _relay.ConnectAsync())
        {
            await tool.SendAsync(Connect);
            var tunnel = await _gateway.AcceptAsync();
            await tunnel.ReadChunkAsync();
            await tunnel.SendAsync(Established);
            await tool.ReadAsync(Established.Length);

            var open = Assert.Single(_relay.Relay.Status.Tunnels);
            Assert.Equal(("echo.test:443", "open", 115, Established.Length), (open.Target, open.State, open.BytesUp, open.BytesDown));
            tool.EndSending();
            await tunnel.SendAsync(new UpstreamProxyChunk { EndOfData = true });
            await tool.ReadToEndAsync();
            await tunnel.CloseAsync();
        }

        await UntilAsync(status => status.Tunnels.Count == 0);
        var after = _relay.Relay.Status;
        Assert.Equal((1, 115, Established.Length), (after.Counters.Opened, after.Counters.BytesUp, after.Counters.BytesDown));
        Assert.Empty(after.Refusals);
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task What_the_gateway_tells_of_the_inside_is_shown_with_rule_and_remedy()
    {
        using var tool = await _relay.ConnectAsync();
        await tool.SendAsync(Connect);
        var tunnel = await _gateway.AcceptAsync();
        await tunnel.SendAsync(Established);
        const string Told = """{"kind":"policy","host":"echo.test:443","method":"PUT","path":"/x","rule":"deny * **/x","message":"refused.","what_to_do":"Ask.","request_id":"r1"}""";

        await tunnel.SendAsync(new UpstreamProxyChunk { Notice = ByteString.CopyFromUtf8(Told) });
        await tunnel.SendAsync(new UpstreamProxyChunk { Data = ByteString.CopyFromUtf8("tls"), Notice = ByteString.CopyFromUtf8("no notice at all") });

        Assert.Equal(Established + "tls", await tool.ReadAsync(Established.Length + 3));
        var refusal = Assert.Single(_relay.Relay.Status.Refusals);
        Assert.Equal(
            ("policy", "echo.test:443", "PUT", "/x", "deny * **/x", "refused.", "Ask.", "r1"),
            (refusal.Kind, refusal.Host, refusal.Method, refusal.Path, refusal.Rule, refusal.Message, refusal.WhatToDo, refusal.RequestId));
        Assert.Equal(1, _relay.Relay.Status.Counters.Refused["policy"]);
        Assert.Contains("policy    PUT echo.test:443/x  (r1)\n    refused. Rule: deny * **/x.\n    Ask.\n", StatusText.Of(_relay.Relay.Status), StringComparison.Ordinal);
    }

    [Theory(Timeout = Limits.TestMilliseconds)]
    [InlineData("HTTP/1.1 403 Forbidden\r\nFairlead-Reason: address\r\nContent-Length: 4\r\n\r\nfairlead: 10.0.0.1 is private.\n", "address", "10.0.0.1 is private.")]
    [InlineData("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "auth", "the gateway answered CONNECT with status 407.")]
    [InlineData("HTTP/1.1 403 Forbidden\r\n\r\nnot for you", "policy", "not for you")]
    [InlineData("HTTP/1.1 502 Bad Gateway\r\n\r\n", "connect", "the gateway answered CONNECT with status 502.")]
    [InlineData("HTTP/1.1 504 Gateway Timeout\r\n\r\n\u001b[2J", "timeout", "\\u001b[2J")]
    public async Task A_refused_CONNECT_is_shown_with_the_gateways_reason(string answer, string kind, string message)
    {
        using var tool = await _relay.ConnectAsync();
        await tool.SendAsync(Connect);
        var tunnel = await _gateway.AcceptAsync();

        await tunnel.SendAsync(answer);
        await tunnel.CloseAsync();

        Assert.Equal(answer, await tool.ReadToEndAsync());
        await UntilAsync(status => status.Refusals.Count == 1);
        Assert.Equal((kind, message), (_relay.Relay.Status.Refusals[0].Kind, _relay.Relay.Status.Refusals[0].Message));
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task The_last_fifty_are_kept_and_all_are_counted()
    {
        for (var i = 0; i < RelayStatus.MaxRefusals + 2; i++) await AskAsync($"GET /{i} HTTP/1.1\r\n\r\n");

        var status = _relay.Relay.Status;
        Assert.Equal(RelayStatus.MaxRefusals, status.Refusals.Count);
        Assert.Equal(RelayStatus.MaxRefusals + 2, status.Counters.Refused["local"]);
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task While_it_drains_the_status_says_so_and_new_tunnels_are_refused()
    {
        using var tool = await _relay.ConnectAsync();
        await tool.SendAsync(Connect);
        var tunnel = await _gateway.AcceptAsync();
        await tunnel.SendAsync(Established);
        await tool.ReadAsync(Established.Length);

        var drained = _relay.Relay.DrainAsync(Limits.Test);
        var (status, _) = await StatusClient.AskAsync(_relay.Relay.Port, Limits.Token);
        var refused = await AskAsync(Connect);
        await tunnel.CloseAsync();
        tool.Dispose();
        await drained;

        Assert.Equal(("draining", 1), (status!.State, status.Tunnels.Count));
        Assert.StartsWith("HTTP/1.1 503 Service Unavailable\r\n", refused, StringComparison.Ordinal);
        Assert.Contains("Connection refused", (await StatusClient.AskAsync(status.Port, Limits.Token)).Problem, StringComparison.Ordinal);
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task A_tunnel_in_which_nothing_moves_is_cut_loudly_and_keepalives_do_not_count()
    {
        var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        await using var relay = await RelayUnderTest.StartAsync(_gateway, time: time);
        using var tool = await relay.ConnectAsync();
        await tool.SendAsync(Connect);
        var tunnel = await _gateway.AcceptAsync();
        await tunnel.ReadChunkAsync();
        await tunnel.SendAsync(Established);
        await tool.ReadAsync(Established.Length);

        // Bytes in one direction keep it: half an hour, a byte, half an hour.
        time.Advance(TimeSpan.FromMinutes(31));
        await tool.SendAsync("x");
        Assert.Equal("x", await tunnel.ReadTextAsync(1));
        time.Advance(TimeSpan.FromMinutes(31));
        await tunnel.SendAsync("y");
        Assert.Equal("y", await tool.ReadAsync(1));

        // Empty chunks alone do not. It is looked every 7.5 minutes: first at 67.5 after the start, when it last had moved, and eight times more.
        for (var minute = 0; minute < 65; minute++)
        {
            await tunnel.SendRawAsync([0x0a, 0x00]);
            time.Advance(TimeSpan.FromMinutes(1));
        }

        Assert.Empty(relay.Relay.Status.Refusals);
        time.Advance(TimeSpan.FromSeconds(30));
        await Assert.ThrowsAsync<System.Net.Sockets.SocketException>(tool.ReadToEndAsync);
        while (await tunnel.ReadMessageAsync() is not null) { }
        Assert.Equal(System.Net.WebSockets.WebSocketCloseStatus.InternalServerError, tunnel.CloseStatus);
        while (relay.Relay.Status.Refusals.Count == 0) await Task.Delay(Limits.Poll, Limits.Token);
        Assert.Equal(("timeout", "cut: no byte in either direction for 3600 s."), (relay.Relay.Status.Refusals[0].Kind, relay.Relay.Status.Refusals[0].Message));
    }

    private async Task<string> AskAsync(string request)
    {
        using var tool = await _relay.ConnectAsync();
        await tool.SendAsync(request);
        return await tool.ReadToEndAsync();
    }

    private async Task UntilAsync(Func<RelaySnapshot, bool> holds)
    {
        while (!holds(_relay.Relay.Status)) await Task.Delay(Limits.Poll, Limits.Token);
    }

    private string Here(string text) => text.Replace("PORT", _relay.Relay.Port.ToString(System.Globalization.CultureInfo.InvariantCulture), StringComparison.Ordinal);
}
