using System.Text;
using Fairlead.Wire;

namespace Fairlead.Tests.Wire;

/// <summary>One WebSocket, tunnel after tunnel: what is a tunnel's stays its own, and in doubt there is no next one.</summary>
public sealed class ReuseTests
{
    private static readonly byte[] Key = [1, 2, 3, 4];
    private static readonly byte[] EndOfData = Masked([0xa0, 6, 1]);
    private static readonly byte[] Next = Masked([0xb0, 6, 1]);

    [Fact]
    public async Task After_the_end_of_both_directions_the_next_tunnel_is_as_after_the_upgrade()
    {
        var (relay, gateway) = await OpenAsync();
        for (var i = 0; i < 3; i++)
        {
            await relay.WriteAsync(Encoding.ASCII.GetBytes($"question {i}"), Limits.Token);
            await relay.EndWriteAsync(Limits.Token);
            Assert.Equal($"question {i}", await ReadToEndAsync(gateway));
            await gateway.WriteAsync(Encoding.ASCII.GetBytes($"answer {i}!"), Limits.Token);
            await gateway.EndTunnelAsync(Limits.Token);
            Assert.Equal($"answer {i}!", await ReadToEndAsync(relay));
            Assert.Equal((9, 10), (relay.BytesRead, relay.BytesWritten));

            (relay, gateway) = await HandOverAsync(relay, gateway);

            Assert.Equal((0, 0), (relay.BytesRead, relay.BytesWritten));
            Assert.False(relay.IsReusable);
        }

        await relay.DisposeAsync();
        await gateway.DisposeAsync();
    }

    [Fact]
    public async Task No_byte_of_one_tunnel_reaches_the_next()
    {
        await Seeded.CheckAsync(20, async random =>
        {
            var (relay, gateway) = await OpenAsync();
            var late = new List<TunnelStream>();
            for (byte number = 1; number < 6; number++)
            {
                var up = SendAsync(relay, random.Next(), number);
                var down = SendAsync(gateway, random.Next(), number);
                // Whoever still holds an earlier tunnel tries everything, while another one is on the WebSocket.
                foreach (var old in late) await AssertHarmlessAsync(old);
                Assert.Equal(await up, await CountAsync(gateway, number));
                Assert.Equal(await down, await CountAsync(relay, number));
                late.AddRange([relay, gateway]);
                (relay, gateway) = await HandOverAsync(relay, gateway);
            }

            foreach (var old in late) await old.DisposeAsync();
            await relay.WriteAsync("alive"u8.ToArray(), Limits.Token);
            Assert.Equal("alive"u8.ToArray(), (await gateway.ReadChunkAsync(Limits.Token))!.Value.Data.ToArray());
            await relay.DisposeAsync();
            await gateway.DisposeAsync();
        });

        static async Task<int> SendAsync(TunnelStream stream, int seed, byte number)
        {
            var random = new Random(seed);
            var bytes = random.Next(1, 200_000);
            for (var left = bytes; left > 0;)
            {
                var piece = Math.Min(left, random.Next(1, 70_000));
                await stream.WriteAsync(Enumerable.Repeat(number, piece).ToArray(), Limits.Token);
                stream.TrySendNotice(NoticeOf(number));
                left -= piece;
            }

            await stream.EndWriteAsync(Limits.Token);
            return bytes;
        }

        static async Task<int> CountAsync(TunnelStream stream, byte number)
        {
            stream.NoticeReceived = notice => Assert.Equal($"{number}", notice.Message);
            var count = 0;
            while (await stream.ReadChunkAsync(Limits.Token) is { } chunk)
            {
                Assert.Equal(-1, chunk.Data.Span.IndexOfAnyExcept(number));
                count += chunk.Data.Length;
            }

            return count;
        }

        static async Task AssertHarmlessAsync(TunnelStream old)
        {
            await Assert.ThrowsAsync<TunnelAbortedException>(() => old.WriteAsync(new byte[] { 99 }, Limits.Token).AsTask());
            Assert.False(old.TrySendNotice(NoticeOf(99)));
            await old.EndWriteAsync(Limits.Token);
            await old.CloseAsync(CloseCode.InternalError, "late", Limits.Token);
            Assert.Null(await old.ReadChunkAsync(Limits.Token));
            Assert.Null(await old.NextAsync(Limits.Token));
            await old.DisposeAsync();
        }
    }

    [Fact]
    public async Task What_was_under_way_when_the_tunnel_ended_is_told_to_it_alone()
    {
        var transport = new ScriptedTransport();
        await using var tunnel = Relay(transport);
        var notices = new List<Notice>();
        tunnel.NoticeReceived = notices.Add;
        // A notice and a ping behind the data, and a keepalive: all before the gateway's word that the tunnel is over.
        transport.Give(
            RawFrame.Of(RawFrame.Binary, [0x0a, 1, (byte)'x', 0xa0, 6, 1]),
            RawFrame.Of(RawFrame.Binary, Chunk.NoticeMessage(NoticeOf(1).Encode())),
            RawFrame.Of(RawFrame.Ping, "late"u8),
            RawFrame.Of(RawFrame.Binary, [0x0a, 0]),
            RawFrame.Of(RawFrame.Binary, [0xb0, 6, 1]),
            RawFrame.Of(RawFrame.Binary, [0x0a, 3, (byte)'n', (byte)'e', (byte)'w']));
        await tunnel.EndWriteAsync(Limits.Token);

        await using var next = (await tunnel.NextAsync(Limits.Token))!;
        next.NoticeReceived = _ => Assert.Fail("a notice of the tunnel before");

        Assert.Equal("new"u8.ToArray(), (await next.ReadChunkAsync(Limits.Token))!.Value.Data.ToArray());
        Assert.Equal("1", Assert.Single(notices).Message);
        Assert.Equal((1, 3), (tunnel.BytesRead, next.BytesRead));
    }

    public static TheoryData<string, byte[]> Violations => new()
    {
        { "data behind the end", [.. EndOfData, .. Masked([0x0a, 1, (byte)'x']), .. Next] },
        { "data with the next tunnel", [.. EndOfData, .. Masked([0xb0, 6, 1, 0x0a, 1, (byte)'x'])] },
        { "a CONNECT behind the end", [.. EndOfData, .. Masked([0x10, 1]), .. Next] },
        { "a CONNECT with the next tunnel", Masked([0xb0, 6, 1, 0x10, 1]) },
        { "text", [.. EndOfData, .. RawFrame.Of(RawFrame.Text, "x"u8, Key)] },
        { "no protobuf", [.. EndOfData, .. Masked([0xff])] },
    };

    [Theory]
    [MemberData(nameof(Violations))]
    public async Task What_may_not_come_between_two_tunnels_is_fatal(string what, byte[] frames)
    {
        _ = what;
        var transport = new ScriptedTransport().Give(frames);
        await using var tunnel = Gateway(transport);
        await tunnel.EndTunnelAsync(Limits.Token);

        await Assert.ThrowsAsync<ProtocolException>(() => tunnel.NextAsync(Limits.Token).AsTask());

        Assert.False(tunnel.IsReusable);
        Assert.Null(await tunnel.NextAsync(Limits.Token));
    }

    [Fact]
    public async Task A_tunnel_is_not_over_before_the_gateway_says_so_nor_before_it_was_answered()
    {
        await using var serving = Gateway(new ScriptedTransport().Give(Next));
        await using var ended = Gateway(new ScriptedTransport().Give(EndOfData, Next));
        await ended.EndWriteAsync(Limits.Token);
        await using var unanswered = Relay(new ScriptedTransport().Give(RawFrame.Of(RawFrame.Binary, [0xb0, 6, 1])));

        await Assert.ThrowsAsync<ProtocolException>(() => serving.ReadChunkAsync(Limits.Token).AsTask());
        Assert.Null(await ended.ReadChunkAsync(Limits.Token));
        await Assert.ThrowsAsync<ProtocolException>(() => ended.WaitForCloseAsync(Limits.Token).AsTask());
        await Assert.ThrowsAsync<ProtocolException>(() => unanswered.ReadChunkAsync(Limits.Token).AsTask());

        Assert.False(serving.IsReusable || ended.IsReusable || unanswered.IsReusable);
    }

    [Fact]
    public async Task What_a_relay_was_still_sending_when_the_gateway_was_done_reaches_no_other_tunnel()
    {
        var (relay, gateway) = await OpenAsync();
        await gateway.WriteAsync("answer"u8.ToArray(), Limits.Token);
        await gateway.EndTunnelAsync(Limits.Token);
        await relay.WriteAsync("too late"u8.ToArray(), Limits.Token);
        Assert.Equal("answer", await ReadToEndAsync(relay));
        Assert.True(relay.IsPeerDone);

        var (next, other) = await HandOverAsync(relay, gateway);
        await next.WriteAsync("new"u8.ToArray(), Limits.Token);

        Assert.Equal("new"u8.ToArray(), (await other.ReadChunkAsync(Limits.Token))!.Value.Data.ToArray());
        Assert.Equal((8, 3), (gateway.BytesRead, other.BytesRead));
        await next.DisposeAsync();
        await other.DisposeAsync();
    }

    [Fact]
    public async Task A_tunnel_that_was_cut_gives_its_WebSocket_to_no_other()
    {
        await using var closed = Gateway(new ScriptedTransport().Give(EndOfData, RawFrame.CloseOf(1000, key: Key)));
        await closed.EndTunnelAsync(Limits.Token);
        Assert.Null(await closed.NextAsync(Limits.Token));

        await using var aborted = Gateway(new ScriptedTransport().Give(EndOfData, RawFrame.CloseOf(1011, key: Key)));
        await aborted.EndTunnelAsync(Limits.Token);
        await Assert.ThrowsAsync<TunnelAbortedException>(() => aborted.NextAsync(Limits.Token).AsTask());

        await using var ended = Gateway(new ScriptedTransport().Give(EndOfData).End());
        await ended.EndTunnelAsync(Limits.Token);
        await Assert.ThrowsAsync<TunnelAbortedException>(() => ended.NextAsync(Limits.Token).AsTask());

        await using var open = Gateway(new ScriptedTransport().Give(EndOfData, Next));
        Assert.Null(await open.NextAsync(Limits.Token));

        await using var closing = Gateway(new ScriptedTransport().Give(EndOfData, Next));
        await closing.EndTunnelAsync(Limits.Token);
        await closing.CloseAsync(CloseCode.Normal, "", Limits.Token);
        Assert.Null(await closing.NextAsync(Limits.Token));

        var breaking = new ScriptedTransport().Give(EndOfData, Next);
        await using var broken = Gateway(breaking);
        breaking.WriteFailure = new IOException("broken");
        await Assert.ThrowsAsync<TunnelAbortedException>(() => broken.EndTunnelAsync(Limits.Token).AsTask());
        Assert.Null(await broken.NextAsync(Limits.Token));
    }

    [Fact]
    public async Task What_the_peer_still_says_is_dropped_up_to_a_limit()
    {
        var little = new ScriptedTransport().Give(RawFrame.Of(RawFrame.Binary, [0x0a, 3, 1, 2, 3]), RawFrame.Of(RawFrame.Binary, [0xa0, 6, 1]), RawFrame.Of(RawFrame.Binary, [0xb0, 6, 1]));
        await using var goodbye = Relay(little);
        await goodbye.EndWriteAsync(Limits.Token);
        var much = new ScriptedTransport();
        for (var i = 0; i < 40; i++) much.Give(RawFrame.Of(RawFrame.Binary, [0x0a, 0xd0, 0x0f, .. new byte[2000]]));
        await using var endless = Relay(much);
        await endless.EndWriteAsync(Limits.Token);

        await using var next = await goodbye.NextAsync(Limits.Token);

        Assert.NotNull(next);
        Assert.Null(await endless.NextAsync(Limits.Token));
        // It did not ask: the gateway is told by a close frame.
        Assert.Equal([0xa0, 6, 1], (await RawFrame.ReadAsync(much.Sent)).Payload);
        await endless.CloseAsync(CloseCode.Normal, "", Limits.Token);
        Assert.Equal(RawFrame.Close, (await RawFrame.ReadAsync(much.Sent)).Opcode);
    }

    [Fact]
    public async Task To_an_end_that_does_not_know_reuse_the_field_means_nothing()
    {
        var transport = new ScriptedTransport().Give(Next, Masked([0x0a, 1, (byte)'x']), EndOfData, Next, RawFrame.CloseOf(1000, key: Key));
        await using var tunnel = new TunnelStream(transport, TunnelEnd.Gateway, peerKnowsEndOfData: true, TimeProvider.System);

        Assert.Equal("x", await ReadToEndAsync(tunnel));
        await tunnel.EndWriteAsync(Limits.Token);
        Assert.False(tunnel.IsReusable);
        Assert.Null(await tunnel.NextAsync(Limits.Token));
        await tunnel.WaitForCloseAsync(Limits.Token);

        Assert.True(tunnel.IsClosedByPeer);
    }

    [Fact]
    public async Task The_gateway_says_it_first_and_the_relay_answers()
    {
        var (relay, gateway) = (new ScriptedTransport().Give(RawFrame.Of(RawFrame.Binary, [0x0a, 1, (byte)'x'])), new ScriptedTransport().Give(EndOfData));
        await using var answering = Relay(relay);
        await using var asking = Gateway(gateway);
        await answering.EndWriteAsync(Limits.Token);
        var answered = answering.NextAsync(Limits.Token).AsTask();
        await RawFrame.ReadAsync(relay.Sent);

        await asking.EndTunnelAsync(Limits.Token);
        var asked = asking.NextAsync(Limits.Token).AsTask();
        Assert.Equal([0xb0, 6, 1], (await RawFrame.ReadAsync(gateway.Sent)).Payload);
        Assert.False(asked.IsCompleted || answered.IsCompleted);
        relay.Give(RawFrame.Of(RawFrame.Binary, [0xb0, 6, 1]));
        Assert.Equal([0xb0, 6, 1], (await RawFrame.ReadAsync(relay.Sent)).Payload);
        await using var one = await answered;
        gateway.Give(Next);
        await using var other = await asked;

        Assert.True(one is not null && other is not null);
    }

    private static TunnelStream Gateway(ScriptedTransport transport) => new(transport, TunnelEnd.Gateway, peerKnowsEndOfData: true, TimeProvider.System) { CarriesReuse = true };

    private static TunnelStream Relay(ScriptedTransport transport) => new(transport, TunnelEnd.Relay, peerKnowsEndOfData: true, TimeProvider.System) { CarriesReuse = true };

    private static Notice NoticeOf(byte number) => new(NoticeKind.Policy, "api.test:443", $"{number}");

    private static byte[] Masked(byte[] message) => RawFrame.Of(RawFrame.Binary, message, Key);

    private static async Task<(TunnelStream Relay, TunnelStream Gateway)> OpenAsync()
    {
        var pair = await LoopbackPair.ConnectAsync();
        return (new TunnelStream(pair.Client, TunnelEnd.Relay, peerKnowsEndOfData: true, TimeProvider.System) { CarriesReuse = true },
            new TunnelStream(pair.Server, TunnelEnd.Gateway, peerKnowsEndOfData: true, TimeProvider.System) { CarriesReuse = true, PeerKnowsNotices = true });
    }

    private static async Task<(TunnelStream Relay, TunnelStream Gateway)> HandOverAsync(TunnelStream relay, TunnelStream gateway)
    {
        await gateway.EndTunnelAsync(Limits.Token);
        var (answering, asking) = (relay.NextAsync(Limits.Token).AsTask(), gateway.NextAsync(Limits.Token).AsTask());
        return ((await answering)!, (await asking)!);
    }

    private static async Task<string> ReadToEndAsync(TunnelStream tunnel)
    {
        using var all = new MemoryStream();
        await tunnel.CopyToAsync(all, Limits.Token);
        return Encoding.UTF8.GetString(all.ToArray());
    }
}
