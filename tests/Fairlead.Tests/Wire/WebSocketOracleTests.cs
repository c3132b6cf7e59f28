using System.Net.WebSockets;
using Fairlead.Tests.Wire.Oracle;
using Fairlead.Wire;
using Google.Protobuf;

namespace Fairlead.Tests.Wire;

/// <summary>
/// The tunnel against .NET's own WebSocket. The differences that are allowed:
/// <list type="bullet">
/// <item>text messages and a close frame inside a message are refused by ours, which carries whole binary messages only;</item>
/// <item>the reason of a close frame goes to a log only, so ours does not refuse one that is no UTF-8.</item>
/// </list>
/// </summary>
public sealed class WebSocketOracleTests
{
    [Theory]
    [InlineData(TunnelEnd.Gateway)]
    [InlineData(TunnelEnd.Relay)]
    public async Task What_a_web_socket_sends_in_fragments_the_tunnel_reads(TunnelEnd end)
    {
        await Seeded.CheckAsync(5, async random =>
        {
            await using var pair = await LoopbackPair.ConnectAsync();
            await using var tunnel = new TunnelStream(pair.Server, end, peerKnowsEndOfData: true, TimeProvider.System);
            using var peer = Peer(pair.Client, end);
            using var expected = new MemoryStream();
            var messages = Enumerable.Range(0, 30).Select(_ => random.NextBytes(random.Pick(0, 1, 100, 65_535, 65_536, random.Next(200_000)))).ToList();
            foreach (var data in messages) expected.Write(data);

            var send = Task.Run(async () =>
            {
                foreach (var data in messages)
                {
                    var message = new UpstreamProxyChunk { Data = ByteString.CopyFrom(data) }.ToByteArray().AsMemory();
                    while (random.Next(3) > 0)
                    {
                        var cut = random.Next(message.Length + 1);
                        await peer.SendAsync(message[..cut], WebSocketMessageType.Binary, endOfMessage: false, Limits.Token);
                        message = message[cut..];
                    }

                    await peer.SendAsync(message, WebSocketMessageType.Binary, endOfMessage: true, Limits.Token);
                }

                await peer.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "done", Limits.Token);
            });
            using var received = new MemoryStream();
            await tunnel.CopyToAsync(received, Limits.Token);

            await send;
            Assert.True(expected.ToArray().AsSpan().SequenceEqual(received.ToArray()));
            Assert.True(tunnel.IsClosedByPeer);
        });
    }

    [Theory]
    [InlineData(TunnelEnd.Gateway)]
    [InlineData(TunnelEnd.Relay)]
    public async Task What_the_tunnel_sends_a_web_socket_reads(TunnelEnd end)
    {
        await Seeded.CheckAsync(5, async random =>
        {
            await using var pair = await LoopbackPair.ConnectAsync();
            await using var tunnel = new TunnelStream(pair.Server, end, peerKnowsEndOfData: false, TimeProvider.System);
            using var peer = Peer(pair.Client, end);
            using var expected = new MemoryStream();
            var writes = Enumerable.Range(0, 30).Select(_ => random.NextBytes(random.Pick(1, 119, 123, 124, 125, 126, 65_516, 65_531, 65_532, random.Next(300_000)))).ToList();
            foreach (var data in writes) expected.Write(data);

            var send = Task.Run(async () =>
            {
                foreach (var data in writes) await tunnel.WriteAsync(data, Limits.Token);
                await tunnel.CloseAsync(CloseCode.GoingAway, "bye", Limits.Token);
            });
            var (messages, _) = await ReceiveAsync(peer);

            await send;
            Assert.True(expected.ToArray().AsSpan().SequenceEqual(messages.SelectMany(message => UpstreamProxyChunk.Parser.ParseFrom(message).Data).ToArray()));
            Assert.Equal((WebSocketCloseStatus.EndpointUnavailable, "bye"), (peer.CloseStatus, peer.CloseStatusDescription));
        });
    }

    [Theory]
    [InlineData(TunnelEnd.Gateway)]
    [InlineData(TunnelEnd.Relay)]
    public async Task Both_sides_of_a_close_agree(TunnelEnd end)
    {
        await using var pair = await LoopbackPair.ConnectAsync();
        await using var tunnel = new TunnelStream(pair.Server, end, peerKnowsEndOfData: false, TimeProvider.System);
        using var peer = Peer(pair.Client, end);

        var close = peer.CloseAsync(WebSocketCloseStatus.NormalClosure, "", Limits.Token);
        Assert.Equal(0, await tunnel.ReadAsync(new byte[1], Limits.Token));
        await tunnel.DisposeAsync();
        await close;

        Assert.Equal((WebSocketState.Closed, WebSocketCloseStatus.NormalClosure), (peer.State, peer.CloseStatus));
    }

    [Theory]
    [InlineData(TunnelEnd.Gateway)]
    [InlineData(TunnelEnd.Relay)]
    public async Task Any_sequence_of_frames_is_read_alike(TunnelEnd end)
    {
        await Seeded.CheckAsync(3_000, async random =>
        {
            var frames = NextFrames(random, isMasked: end == TunnelEnd.Gateway);
            if (random.Next(5) == 0) frames = frames[..random.Next(frames.Length)];
            var piece = random.Pick(1, 7, 1000, int.MaxValue);

            using var oracle = Peer(new ScriptedTransport { PieceBytes = piece }.Give(frames).End(), end == TunnelEnd.Gateway ? TunnelEnd.Relay : TunnelEnd.Gateway);
            var (expected, expectedClean) = await ReceiveAsync(oracle);
            await using var tunnel = new TunnelStream(new ScriptedTransport { PieceBytes = piece }.Give(frames).End(), end, peerKnowsEndOfData: true, new FakeTimeProvider());
            var (actual, actualClean) = await ReadAsync(tunnel);

            Assert.Equal(
                expected.Select(message => UpstreamProxyChunk.Parser.ParseFrom(message).Data).Where(data => !data.IsEmpty).Select(data => Convert.ToHexStringLower(data.Span)),
                actual.Select(Convert.ToHexStringLower));
            Assert.Equal(expectedClean, actualClean);
        });
    }

    internal static byte[] NextFrames(Random random, bool isMasked)
    {
        using var frames = new MemoryStream();
        byte[]? NextKey(bool masked) => masked ? random.NextBytes(4) : null;
        int NextForm(int payload) => random.Next(10) > 0 ? -1 : random.Pick(payload <= 65535 ? 2 : 8, 8);
        void Add(int opcode, ReadOnlySpan<byte> payload, bool isFinal = true) =>
            frames.Write(RawFrame.Of(opcode, payload, NextKey(isMasked), isFinal, lengthBytes: opcode >= 8 ? -1 : NextForm(payload.Length)));
        void AddControl() => Add(random.Pick(RawFrame.Ping, RawFrame.Pong), random.NextBytes(random.Pick(0, 1, 125, random.Next(126))));

        for (var messages = random.Next(0, 6); messages > 0; messages--)
        {
            ReadOnlySpan<byte> message = new UpstreamProxyChunk { Data = ByteString.CopyFrom(random.NextBytes(random.Pick(0, 3, 123, 124, 300, random.Next(100) == 0 ? 70_000 : 9))) }.ToByteArray();
            var opcode = RawFrame.Binary;
            while (random.Next(3) == 0)
            {
                var cut = random.Next(message.Length + 1);
                Add(opcode, message[..cut], isFinal: false);
                opcode = RawFrame.Continuation;
                message = message[cut..];
                if (random.Next(3) == 0) AddControl();
                if (random.Next(30) == 0) frames.Write(NextViolation(random, isMasked, isInside: true));
            }

            Add(opcode, message);
            if (random.Next(3) == 0) AddControl();
            if (random.Next(30) == 0) frames.Write(NextViolation(random, isMasked, isInside: false));
        }

        var code = random.Pick(1000, 1000, 1000, 1000, 1001, 1002, 1011, 3000, 4999, 0, 999, 1004, 1005, 1006, 1015, 5000, 65535);
        if (random.Next(10) == 0) Add(RawFrame.Close, []);
        else if (random.Next(10) > 0) Add(RawFrame.Close, [(byte)(code >> 8), (byte)code, .. random.Pick(""u8.ToArray(), "why"u8.ToArray(), new byte[123])]);
        Add(RawFrame.Binary, [0x0a, 1, 0x78]);
        return frames.ToArray();
    }

    private static byte[] NextViolation(Random random, bool isMasked, bool isInside)
    {
        var key = isMasked ? random.NextBytes(4) : null;
        return random.Next(8) switch
        {
            0 => RawFrame.Of(isInside ? RawFrame.Continuation : RawFrame.Binary, [0x0a, 0], key, reserved: random.Next(1, 8)),
            1 => RawFrame.Of(random.Pick(3, 4, 5, 6, 7, 11, 12, 13, 14, 15), [], key),
            2 => RawFrame.Of(isInside ? RawFrame.Binary : RawFrame.Continuation, [0x0a, 0], key, isFinal: random.Next(2) == 0),
            3 => RawFrame.Of(isInside ? RawFrame.Continuation : RawFrame.Binary, [0x0a, 0], isMasked ? null : random.NextBytes(4)),
            4 => RawFrame.Of(random.Pick(RawFrame.Ping, RawFrame.Pong, RawFrame.Close), [], key, isFinal: false),
            5 => RawFrame.Of(random.Pick(RawFrame.Ping, RawFrame.Pong, RawFrame.Close), new byte[126], key),
            6 => RawFrame.Of(RawFrame.Close, [3], key),
            _ => [0x82, (byte)(isMasked ? 0xff : 0x7f), 0x80, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0],
        };
    }

    private static WebSocket Peer(Stream transport, TunnelEnd tunnelEnd) => WebSocket.CreateFromStream(
        transport, new WebSocketCreationOptions { IsServer = tunnelEnd == TunnelEnd.Relay, KeepAliveInterval = Timeout.InfiniteTimeSpan });

    private static async Task<(List<byte[]> Messages, bool IsClean)> ReceiveAsync(WebSocket socket)
    {
        var messages = new List<byte[]>();
        var buffer = new byte[100_000];
        using var message = new MemoryStream();
        try
        {
            while (true)
            {
                var received = await socket.ReceiveAsync(buffer.AsMemory(), Limits.Token);
                if (received.MessageType == WebSocketMessageType.Close)
                    return (messages, socket.CloseStatus is WebSocketCloseStatus.NormalClosure or WebSocketCloseStatus.Empty);
                message.Write(buffer.AsSpan(0, received.Count));
                if (!received.EndOfMessage) continue;
                messages.Add(message.ToArray());
                message.SetLength(0);
            }
        }
        catch (WebSocketException)
        {
            return (messages, false);
        }
    }

    private static async Task<(List<byte[]> Data, bool IsClean)> ReadAsync(TunnelStream tunnel)
    {
        var data = new List<byte[]>();
        try
        {
            while (await tunnel.ReadChunkAsync(Limits.Token) is { } chunk) data.Add(chunk.Data.ToArray());
            return (data, true);
        }
        catch (IOException e) when (e is TunnelAbortedException or ProtocolException)
        {
            return (data, false);
        }
    }
}
