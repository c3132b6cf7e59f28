using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Fairlead.Tests.Wire.Oracle;
using Fairlead.Wire;
using Google.Protobuf;
using Microsoft.AspNetCore.Connections;

namespace Fairlead.Tests.Wire;

public sealed class TunnelStreamTests
{
    private static readonly byte[] Key = [1, 2, 3, 4];

    // Bytes

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Bytes_arrive_as_they_were_sent_in_both_directions_at_once(bool knowsEndOfData)
    {
        await Seeded.CheckAsync(4, async random =>
        {
            await using var tunnel = await Tunnel.OpenAsync(knowsEndOfData);
            var seeds = (random.Next(), random.Next(), random.Next(), random.Next());
            const int bytes = 3_000_000;

            var up = WriteAllAsync(tunnel.Relay, new Random(seeds.Item1), bytes);
            var down = WriteAllAsync(tunnel.Gateway, new Random(seeds.Item2), bytes);
            var upRead = ReadAllAsync(tunnel.Gateway, new Random(seeds.Item3), bytes);
            var downRead = ReadAllAsync(tunnel.Relay, new Random(seeds.Item4), bytes);

            await Task.WhenAll(up, down, upRead, downRead).WaitAsync(Limits.Token);
            Assert.Equal(await up, await upRead);
            Assert.Equal(await down, await downRead);
            Assert.Equal((bytes, bytes), (tunnel.Relay.BytesWritten, tunnel.Gateway.BytesRead));
            Assert.Equal((bytes, bytes), (tunnel.Gateway.BytesWritten, tunnel.Relay.BytesRead));
        });
    }

    [Theory]
    [InlineData(1)]
    [InlineData(125)]
    [InlineData(126)]
    [InlineData(65_535)]
    [InlineData(65_536)]
    [InlineData(Protocol.PreferredChunkBytes)]
    [InlineData(Protocol.PreferredChunkBytes + 1)]
    [InlineData(Protocol.MaxChunkBytes)]
    [InlineData(Protocol.MaxChunkBytes + 1)]
    [InlineData(3 * Protocol.MaxChunkBytes)]
    public async Task A_write_of_any_size_arrives(int bytes)
    {
        await using var tunnel = await Tunnel.OpenAsync();
        var sent = RandomNumberGenerator.GetBytes(bytes);
        var received = new byte[bytes];

        var write = tunnel.Relay.WriteAsync(sent, Limits.Token).AsTask();
        await tunnel.Gateway.ReadExactlyAsync(received, Limits.Token);

        await write;
        Assert.True(sent.AsSpan().SequenceEqual(received));
    }

    [Fact]
    public async Task A_write_makes_chunks_of_the_preferred_size_whose_frame_fits_64_KiB()
    {
        var transport = new ScriptedTransport();
        await using var tunnel = new TunnelStream(transport, TunnelEnd.Relay, peerKnowsEndOfData: true, TimeProvider.System);

        await tunnel.WriteAsync(new byte[Protocol.PreferredChunkBytes + 1], Limits.Token);

        var first = await RawFrame.ReadAsync(transport.Sent);
        var second = await RawFrame.ReadAsync(transport.Sent);
        Assert.Equal(Protocol.PreferredChunkBytes, UpstreamProxyChunk.Parser.ParseFrom(first.Payload).Data.Length);
        Assert.True(first.Payload.Length + FrameHeader.MaxBytes <= 64 * 1024);
        Assert.Equal("0a0100", Convert.ToHexStringLower(second.Payload));
        Assert.True(first.IsMasked && second.IsMasked);
    }

    [Theory]
    [InlineData(TunnelEnd.Relay, false)]
    [InlineData(TunnelEnd.Gateway, false)]
    [InlineData(TunnelEnd.Relay, true)]
    public async Task The_frame_of_a_secret_is_erased_also_when_it_could_not_be_sent(TunnelEnd end, bool fails)
    {
        var transport = new ScriptedTransport { WriteFailure = fails ? new IOException("broken") : null };
        await using var tunnel = new TunnelStream(transport, end, peerKnowsEndOfData: true, TimeProvider.System);
        var secret = Encoding.ASCII.GetBytes(new string('x', Protocol.PreferredChunkBytes + 1));

        if (fails) await Assert.ThrowsAsync<TunnelAbortedException>(() => tunnel.WriteSecretAsync(secret, Limits.Token).AsTask());
        else await tunnel.WriteSecretAsync(secret, Limits.Token);

        Assert.Equal(fails ? 1 : 2, transport.WrittenFrom.Count);
        Assert.All(transport.WrittenFrom, frame => Assert.Equal(-1, frame.Span.IndexOfAnyExcept((byte)0)));
    }

    [Fact]
    public async Task An_empty_write_sends_nothing()
    {
        var transport = new ScriptedTransport();
        await using var tunnel = new TunnelStream(transport, TunnelEnd.Gateway, peerKnowsEndOfData: true, TimeProvider.System);

        await tunnel.WriteAsync(ReadOnlyMemory<byte>.Empty, Limits.Token);
        await tunnel.WriteAsync("x"u8.ToArray(), Limits.Token);

        Assert.Equal("0a0178", Convert.ToHexStringLower((await RawFrame.ReadAsync(transport.Sent)).Payload));
    }

    [Fact]
    public async Task Each_frame_of_the_relay_has_its_own_mask()
    {
        var transport = new ScriptedTransport();
        await using var tunnel = new TunnelStream(transport, TunnelEnd.Relay, peerKnowsEndOfData: true, TimeProvider.System);
        var keys = new HashSet<string>();

        for (var i = 0; i < 20; i++)
        {
            await tunnel.WriteAsync("x"u8.ToArray(), Limits.Token);
            var frame = new byte[9];
            await transport.Sent.ReadExactlyAsync(frame, Limits.Token);
            Assert.Equal("8283", Convert.ToHexStringLower(frame.AsSpan(0, 2)));
            keys.Add(Convert.ToHexStringLower(frame.AsSpan(2, 4)));
        }

        Assert.Equal(20, keys.Count);
    }

    [Fact]
    public async Task Many_writers_do_not_mix_their_chunks_and_all_bytes_are_counted()
    {
        await using var tunnel = await Tunnel.OpenAsync();
        const int writers = 8, writes = 400;

        var writing = Task.WhenAll(Enumerable.Range(0, writers).Select(writer => Task.Run(async () =>
        {
            for (var i = 0; i < writes; i++) await tunnel.Relay.WriteAsync(Enumerable.Repeat((byte)writer, 100).ToArray(), Limits.Token);
        })));
        var perWriter = new int[writers];
        for (var i = 0; i < writers * writes; i++)
        {
            var data = (await tunnel.Gateway.ReadChunkAsync(Limits.Token))!.Value.Data;
            Assert.Equal(100, data.Length);
            Assert.Equal(-1, data.Span.IndexOfAnyExcept(data.Span[0]));
            perWriter[data.Span[0]]++;
        }

        await writing;
        Assert.All(perWriter, count => Assert.Equal(writes, count));
        Assert.Equal(writers * writes * 100, tunnel.Relay.BytesWritten);
    }

    [Fact]
    public async Task A_read_of_no_bytes_waits_for_data_and_takes_none()
    {
        await using var tunnel = await Tunnel.OpenAsync();

        var read = tunnel.Gateway.ReadAsync(Memory<byte>.Empty, Limits.Token).AsTask();
        Assert.False(read.IsCompleted);
        await tunnel.Relay.WriteAsync("x"u8.ToArray(), Limits.Token);

        Assert.Equal(0, await read);
        Assert.Equal("x", await ReadTextAsync(tunnel.Gateway, 1));
    }

    // The end of the data

    [Fact]
    public async Task A_half_close_ends_one_direction_and_the_other_goes_on()
    {
        await using var tunnel = await Tunnel.OpenAsync(knowsEndOfData: true);

        await tunnel.Relay.WriteAsync("request"u8.ToArray(), Limits.Token);
        await tunnel.Relay.EndWriteAsync(Limits.Token);
        Assert.Equal("request", await ReadToEndAsync(tunnel.Gateway));
        await tunnel.Gateway.WriteAsync("answer"u8.ToArray(), Limits.Token);
        await tunnel.Gateway.EndWriteAsync(Limits.Token);

        Assert.Equal("answer", await ReadToEndAsync(tunnel.Relay));
        Assert.True(tunnel.Relay.CarriesHalfClose);
        Assert.False(tunnel.Relay.IsClosedByPeer);
        Assert.Equal(0, await tunnel.Gateway.ReadAsync(new byte[1], Limits.Token));
    }

    [Fact]
    public async Task The_end_of_the_data_is_said_in_a_chunk_to_a_peer_that_knows_it()
    {
        var transport = new ScriptedTransport();
        await using var tunnel = new TunnelStream(transport, TunnelEnd.Gateway, peerKnowsEndOfData: true, TimeProvider.System);

        await tunnel.EndWriteAsync(Limits.Token);

        var (opcode, payload, _) = await RawFrame.ReadAsync(transport.Sent);
        Assert.Equal((RawFrame.Binary, "a00601"), (opcode, Convert.ToHexStringLower(payload)));
    }

    [Fact]
    public async Task The_end_of_the_data_is_said_in_a_close_frame_to_a_peer_that_does_not_know_it()
    {
        var transport = new ScriptedTransport();
        await using var tunnel = new TunnelStream(transport, TunnelEnd.Gateway, peerKnowsEndOfData: false, TimeProvider.System);

        await tunnel.EndWriteAsync(Limits.Token);

        var (opcode, payload, _) = await RawFrame.ReadAsync(transport.Sent);
        Assert.Equal((RawFrame.Close, "03e8"), (opcode, Convert.ToHexStringLower(payload)));
        Assert.False(tunnel.CarriesHalfClose);
    }

    [Fact]
    public async Task Data_behind_our_own_close_frame_is_still_read()
    {
        var transport = new ScriptedTransport();
        await using var tunnel = new TunnelStream(transport, TunnelEnd.Gateway, peerKnowsEndOfData: false, TimeProvider.System);

        await tunnel.EndWriteAsync(Limits.Token);
        transport.Give(Masked(Data("late")), RawFrame.CloseOf(1000, key: Key));

        Assert.Equal("late", await ReadToEndAsync(tunnel));
        Assert.True(tunnel.IsClosedByPeer);
    }

    [Fact]
    public async Task Without_half_close_the_end_of_one_direction_closes_the_tunnel()
    {
        await using var tunnel = await Tunnel.OpenAsync(knowsEndOfData: false);

        await tunnel.Relay.WriteAsync("all"u8.ToArray(), Limits.Token);
        await tunnel.Relay.EndWriteAsync(Limits.Token);

        Assert.Equal("all", await ReadToEndAsync(tunnel.Gateway));
        Assert.True(tunnel.Gateway.IsClosedByPeer);
        await Assert.ThrowsAsync<TunnelAbortedException>(() => tunnel.Gateway.WriteAsync("x"u8.ToArray(), Limits.Token).AsTask());
        Assert.Equal("", await ReadToEndAsync(tunnel.Relay));
    }

    [Fact]
    public async Task Data_in_the_chunk_that_ends_it_counts()
    {
        var message = new UpstreamProxyChunk { Data = ByteString.CopyFromUtf8("last"), EndOfData = true }.ToByteArray();
        var (tunnel, _) = Gateway(Masked(message));
        await using var _ = tunnel;

        Assert.Equal("last", await ReadToEndAsync(tunnel));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Nothing_is_written_behind_the_announced_end(bool knowsEndOfData)
    {
        var transport = new ScriptedTransport();
        await using var tunnel = new TunnelStream(transport, TunnelEnd.Gateway, knowsEndOfData, TimeProvider.System);

        await tunnel.EndWriteAsync(Limits.Token);
        await tunnel.EndWriteAsync(Limits.Token);

        await Assert.ThrowsAsync<TunnelAbortedException>(() => tunnel.WriteAsync("x"u8.ToArray(), Limits.Token).AsTask());
        Assert.Equal(0, tunnel.BytesWritten);
        var announced = await RawFrame.ReadAsync(transport.Sent);
        await tunnel.DisposeAsync();
        Assert.Equal(0, await transport.Sent.ReadAsync(new byte[1], Limits.Token));
        Assert.Equal(knowsEndOfData ? RawFrame.Binary : RawFrame.Close, announced.Opcode);
    }

    // A cut stream is never taken for a whole one

    [Theory]
    [InlineData(1001)]
    [InlineData(1002)]
    [InlineData(1005)]
    [InlineData(1006)]
    [InlineData(1011)]
    [InlineData(999)]
    [InlineData(0)]
    [InlineData(4000)]
    [InlineData(65_535)]
    public async Task A_close_code_other_than_1000_is_a_cut(int code)
    {
        var (tunnel, transport) = Gateway(Masked(Data("part")), RawFrame.CloseOf(code, "it \u001b[31m broke", Key));
        await using var _ = tunnel;

        Assert.Equal("part", await ReadTextAsync(tunnel, 4));
        var cut = await Assert.ThrowsAsync<TunnelAbortedException>(() => tunnel.ReadAsync(new byte[1], Limits.Token).AsTask());

        Assert.Contains(code.ToString(System.Globalization.CultureInfo.InvariantCulture), cut.Message, StringComparison.Ordinal);
        HostPortTests.AssertIsHarmless(cut.Message);
        Assert.Equal(RawFrame.Close, (await RawFrame.ReadAsync(transport.Sent)).Opcode);
        await AssertStaysCutAsync(tunnel);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(8)]
    public async Task A_connection_that_ends_without_a_close_frame_is_a_cut(int bytesOfTheNextFrame)
    {
        await using var pair = await LoopbackPair.ConnectAsync();
        await using var tunnel = new TunnelStream(pair.Server, TunnelEnd.Gateway, peerKnowsEndOfData: true, TimeProvider.System);
        await pair.Client.WriteAsync(Masked(Data("part")), Limits.Token);
        await pair.Client.WriteAsync(Masked(Data("more")).AsMemory(0, bytesOfTheNextFrame), Limits.Token);
        pair.Client.Socket.Shutdown(SocketShutdown.Send);

        Assert.Equal("part", await ReadTextAsync(tunnel, 4));
        await AssertStaysCutAsync(tunnel);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_reset_connection_is_a_cut(bool hasReadBefore)
    {
        await using var pair = await LoopbackPair.ConnectAsync();
        await using var tunnel = new TunnelStream(pair.Server, TunnelEnd.Gateway, peerKnowsEndOfData: true, TimeProvider.System);
        if (hasReadBefore)
        {
            await pair.Client.WriteAsync(Masked(Data("part")), Limits.Token);
            Assert.Equal("part", await ReadTextAsync(tunnel, 4));
        }

        var read = tunnel.ReadAsync(new byte[1], Limits.Token).AsTask();
        pair.Client.Socket.LingerState = new LingerOption(true, 0);
        pair.Client.Socket.Close();

        await Assert.ThrowsAsync<TunnelAbortedException>(() => read);
        await AssertStaysCutAsync(tunnel);
        await Assert.ThrowsAsync<TunnelAbortedException>(() => tunnel.WriteAsync(new byte[1], Limits.Token).AsTask());
    }

    [Fact]
    public async Task Disposing_without_a_close_frame_is_a_cut_for_the_peer()
    {
        await using var tunnel = await Tunnel.OpenAsync();
        await tunnel.Relay.WriteAsync("part"u8.ToArray(), Limits.Token);
        await tunnel.Relay.DisposeAsync();

        Assert.Equal("part", await ReadTextAsync(tunnel.Gateway, 4));
        await AssertStaysCutAsync(tunnel.Gateway);
    }

    [Fact]
    public async Task A_connection_that_the_server_aborts_is_a_cut_and_no_cancellation()
    {
        // Kestrel tells the abort of a connection as an OperationCanceledException, which no caller asked for.
        var (tunnel, transport) = Gateway();
        transport.ReadFailure = new ConnectionAbortedException();
        transport.WriteFailure = new ConnectionAbortedException();

        await AssertStaysCutAsync(tunnel);
        await Assert.ThrowsAsync<TunnelAbortedException>(() => tunnel.WriteAsync(new byte[1], Limits.Token).AsTask());
        await tunnel.DisposeAsync();
    }

    [Fact]
    public async Task A_close_frame_inside_a_message_is_a_cut()
    {
        var (tunnel, _) = Gateway(RawFrame.Of(RawFrame.Binary, Data("half of it"), Key, isFinal: false), RawFrame.CloseOf(1000, key: Key));
        await using var _ = tunnel;

        await AssertStaysCutAsync(tunnel);
    }

    [Fact]
    public async Task A_cut_is_told_even_when_the_answer_to_it_was_cancelled()
    {
        var transport = new ScriptedTransport(outputLimit: 1000);
        await using var tunnel = new TunnelStream(transport, TunnelEnd.Gateway, peerKnowsEndOfData: true, TimeProvider.System);
        using var writing = new CancellationTokenSource();
        var blocked = tunnel.WriteAsync(new byte[10_000], writing.Token).AsTask();
        Assert.False(blocked.IsCompleted);
        transport.Give(RawFrame.CloseOf(1011, key: Key));
        using var patience = new CancellationTokenSource();

        var read = tunnel.ReadAsync(new byte[1], patience.Token).AsTask();
        await patience.CancelAsync();
        await Assert.ThrowsAnyAsync<Exception>(() => read);

        await AssertStaysCutAsync(tunnel);
        await writing.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => blocked);
    }

    [Fact]
    public async Task A_close_without_a_code_is_the_end()
    {
        var (tunnel, transport) = Gateway(Masked(Data("all")), RawFrame.Of(RawFrame.Close, [], Key));
        await using var _ = tunnel;

        Assert.Equal("all", await ReadToEndAsync(tunnel));
        Assert.Equal("03e8", Convert.ToHexStringLower((await RawFrame.ReadAsync(transport.Sent)).Payload));
    }

    // What the protocol does not allow is fatal

    public static TheoryData<string, byte[]> Violations => new()
    {
        { "text", RawFrame.Of(RawFrame.Text, Data("x"), Key) },
        { "no mask", RawFrame.Of(RawFrame.Binary, Data("x")) },
        { "a ping without a mask", RawFrame.Of(RawFrame.Ping, []) },
        { "RSV1", RawFrame.Of(RawFrame.Binary, Data("x"), Key, reserved: 4) },
        { "RSV2", RawFrame.Of(RawFrame.Binary, Data("x"), Key, reserved: 2) },
        { "RSV3", RawFrame.Of(RawFrame.Binary, Data("x"), Key, reserved: 1) },
        { "opcode 3", RawFrame.Of(3, Data("x"), Key) },
        { "opcode 11", RawFrame.Of(11, [], Key) },
        { "a continuation of nothing", RawFrame.Of(RawFrame.Continuation, Data("x"), Key) },
        { "a new message inside a message", [.. RawFrame.Of(RawFrame.Binary, [], Key, isFinal: false), .. RawFrame.Of(RawFrame.Binary, Data("x"), Key)] },
        { "a fragmented ping", RawFrame.Of(RawFrame.Ping, [], Key, isFinal: false) },
        { "a ping of 126 bytes", RawFrame.Of(RawFrame.Ping, new byte[126], Key) },
        { "a close of one byte", RawFrame.Of(RawFrame.Close, [3], Key) },
        { "a frame that is too long", RawFrame.Of(RawFrame.Binary, new byte[Protocol.MaxMessageBytes + 1], Key) },
        { "a chunk that is too long", Masked(Data(new byte[Protocol.MaxChunkBytes + 1])) },
        { "no protobuf", Masked("GET / HTTP/1.1\r\n\r\n"u8.ToArray()) },
        { "CONNECT in a later chunk", Masked(new UpstreamProxyChunk { IsConnect = true, Host = "a.test", Port = 443 }.ToByteArray()) },
    };

    [Theory]
    [MemberData(nameof(Violations))]
    public async Task A_violation_is_fatal_for_good(string what, byte[] frames)
    {
        var (tunnel, _) = Gateway(Masked(Data("ok")), frames, Masked(Data("behind")), RawFrame.CloseOf(1000, key: Key));
        await using var _ = tunnel;
        Assert.Equal("ok", await ReadTextAsync(tunnel, 2));

        var first = await Assert.ThrowsAsync<ProtocolException>(() => tunnel.ReadAsync(new byte[10], Limits.Token).AsTask());
        var second = await Assert.ThrowsAsync<ProtocolException>(() => tunnel.ReadAsync(new byte[10], Limits.Token).AsTask());

        HostPortTests.AssertIsHarmless(first.Message);
        Assert.True(first.Message == second.Message, what);
    }

    [Fact]
    public async Task A_masked_frame_from_the_gateway_is_refused()
    {
        var transport = new ScriptedTransport().Give(Masked(Data("x")));
        await using var tunnel = new TunnelStream(transport, TunnelEnd.Relay, peerKnowsEndOfData: true, TimeProvider.System);

        await Assert.ThrowsAsync<ProtocolException>(() => tunnel.ReadAsync(new byte[1], Limits.Token).AsTask());
    }

    [Fact]
    public async Task A_message_in_fragments_is_no_longer_than_one_in_a_piece()
    {
        var half = RawFrame.Of(RawFrame.Continuation, new byte[300_000], Key, isFinal: false);
        var (tunnel, _) = Gateway(RawFrame.Of(RawFrame.Binary, [], Key, isFinal: false), half, half);
        await using var _ = tunnel;

        await Assert.ThrowsAsync<ProtocolException>(() => tunnel.ReadAsync(new byte[1], Limits.Token).AsTask());
    }

    [Fact]
    public async Task The_longest_chunk_and_the_longest_message_arrive()
    {
        var data = RandomNumberGenerator.GetBytes(Protocol.MaxChunkBytes);
        var longest = Data(data);
        byte[] padding = [0x2a, .. Varint(Protocol.MaxMessageBytes - longest.Length - 3), .. new byte[Protocol.MaxMessageBytes - longest.Length - 3]];
        byte[] message = [.. longest, .. padding];
        Assert.Equal(Protocol.MaxMessageBytes, message.Length);
        var (tunnel, _) = Gateway(
            Masked(message), RawFrame.Of(RawFrame.Binary, message.AsSpan(0, 500_000), Key, isFinal: false), RawFrame.Of(RawFrame.Continuation, message.AsSpan(500_000), Key));
        await using var _ = tunnel;

        for (var i = 0; i < 2; i++)
        {
            var chunk = await tunnel.ReadChunkAsync(Limits.Token);
            Assert.True(chunk!.Value.Data.Span.SequenceEqual(data));
        }
    }

    // The structured form of CONNECT

    [Fact]
    public async Task A_structured_connect_arrives_as_a_chunk()
    {
        var message = new UpstreamProxyChunk { IsConnect = true, Host = "a.test", Port = 443, Data = ByteString.CopyFromUtf8("early") }.ToByteArray();
        var (tunnel, _) = Gateway(Masked(message), Masked(Data(" late")), RawFrame.CloseOf(1000, key: Key));
        await using var _ = tunnel;

        var chunk = (await tunnel.ReadChunkAsync(Limits.Token))!.Value;

        Assert.Equal((true, "a.test", 443, "early"), (chunk.IsConnect, chunk.Host, chunk.Port, Encoding.UTF8.GetString(chunk.Data.Span)));
        Assert.Equal(" late", await ReadToEndAsync(tunnel));
    }

    [Fact]
    public async Task A_structured_connect_without_data_is_no_keepalive()
    {
        var (tunnel, _) = Gateway(Masked([0x0a, 0]), Masked(new UpstreamProxyChunk { IsConnect = true, Host = "a.test", Port = 443 }.ToByteArray()));
        await using var _ = tunnel;

        var chunk = (await tunnel.ReadChunkAsync(Limits.Token))!.Value;

        Assert.True(chunk.IsConnect);
        Assert.True(chunk.Data.IsEmpty);
    }

    // Keepalive

    [Theory]
    [InlineData(TunnelEnd.Gateway)]
    [InlineData(TunnelEnd.Relay)]
    public async Task An_idle_end_sends_an_empty_chunk_every_30_seconds(TunnelEnd end)
    {
        var clock = new FakeTimeProvider();
        await using var pair = await LoopbackPair.ConnectAsync();
        await using var tunnel = new TunnelStream(pair.Server, end, peerKnowsEndOfData: true, clock);

        clock.Advance(TimeSpan.FromSeconds(30) - TimeSpan.FromTicks(1));
        await tunnel.WriteAsync("x"u8.ToArray(), Limits.Token);
        var before = await RawFrame.ReadAsync(pair.Client);
        clock.Advance(TimeSpan.FromTicks(1));
        var first = await RawFrame.ReadAsync(pair.Client);
        clock.Advance(TimeSpan.FromSeconds(30));
        var second = await RawFrame.ReadAsync(pair.Client);

        Assert.Equal("0a0178", Convert.ToHexStringLower(before.Payload));
        Assert.All([first, second], frame =>
            Assert.Equal((RawFrame.Binary, "0a00", end == TunnelEnd.Relay), (frame.Opcode, Convert.ToHexStringLower(frame.Payload), frame.IsMasked)));
        Assert.Equal(1, tunnel.BytesWritten);
    }

    [Fact]
    public async Task A_keepalive_is_no_data_for_its_reader()
    {
        var (tunnel, _) = Gateway(Masked([0x0a, 0]), Masked([]), Masked(Data("x")), Masked([0x0a, 0]), RawFrame.CloseOf(1000, key: Key));
        await using var _ = tunnel;

        Assert.Equal("x", await ReadToEndAsync(tunnel));
        Assert.Equal(1, tunnel.BytesRead);
    }

    [Fact]
    public async Task A_connection_that_a_keepalive_finds_broken_is_told_to_who_does_not_read()
    {
        var clock = new FakeTimeProvider();
        var transport = new ScriptedTransport { WriteFailure = new IOException("gone") };
        var told = new TaskCompletionSource();
        await using var tunnel = new TunnelStream(transport, TunnelEnd.Gateway, peerKnowsEndOfData: true, clock) { FoundBroken = told.SetResult };

        clock.Advance(Protocol.KeepAliveInterval);

        await told.Task.WaitAsync(Limits.Token);
    }

    [Fact]
    public async Task A_keepalive_that_cannot_be_sent_harms_nobody()
    {
        var clock = new FakeTimeProvider();
        var transport = new ScriptedTransport { WriteFailure = new ConnectionAbortedException() };
        var tunnel = new TunnelStream(transport, TunnelEnd.Gateway, peerKnowsEndOfData: true, clock);

        clock.Advance(TimeSpan.FromSeconds(30));
        clock.Advance(TimeSpan.FromSeconds(30));

        await tunnel.DisposeAsync().AsTask().WaitAsync(Limits.Token);
    }

    [Fact]
    public async Task A_keepalive_that_is_stuck_does_not_hold_up_the_disposal()
    {
        var clock = new FakeTimeProvider();
        var transport = new ScriptedTransport(outputLimit: 4);
        var tunnel = new TunnelStream(transport, TunnelEnd.Gateway, peerKnowsEndOfData: true, clock);
        clock.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal("0a00", Convert.ToHexStringLower((await RawFrame.ReadAsync(transport.Sent)).Payload));
        clock.Advance(TimeSpan.FromSeconds(30));
        clock.Advance(TimeSpan.FromSeconds(30));

        await tunnel.DisposeAsync().AsTask().WaitAsync(Limits.Token);
    }

    [Fact]
    public async Task A_disposed_tunnel_keeps_no_timer_and_may_be_disposed_again()
    {
        var clock = new FakeTimeProvider();
        var tunnel = new TunnelStream(new ScriptedTransport(), TunnelEnd.Gateway, peerKnowsEndOfData: true, clock);

        await tunnel.DisposeAsync();
        await tunnel.DisposeAsync();
        clock.Advance(TimeSpan.FromMinutes(5));

        await Assert.ThrowsAsync<TunnelAbortedException>(() => tunnel.WriteAsync(new byte[1], Limits.Token).AsTask());
    }

    // Control frames

    [Fact]
    public async Task A_ping_is_answered_with_its_payload_even_inside_a_message()
    {
        var message = Data("whole");
        var (tunnel, transport) = Gateway(
            RawFrame.Of(RawFrame.Ping, "one"u8, Key),
            RawFrame.Of(RawFrame.Binary, message.AsSpan(0, 3), Key, isFinal: false),
            RawFrame.Of(RawFrame.Ping, new byte[125], Key),
            RawFrame.Of(RawFrame.Continuation, [], Key, isFinal: false),
            RawFrame.Of(RawFrame.Pong, "unasked"u8, Key),
            RawFrame.Of(RawFrame.Continuation, message.AsSpan(3), Key),
            RawFrame.CloseOf(1000, key: Key));
        await using var _ = tunnel;

        Assert.Equal("whole", await ReadToEndAsync(tunnel));

        var one = await RawFrame.ReadAsync(transport.Sent);
        var two = await RawFrame.ReadAsync(transport.Sent);
        Assert.Equal((RawFrame.Pong, "one"), (one.Opcode, Encoding.UTF8.GetString(one.Payload)));
        Assert.Equal((RawFrame.Pong, 125), (two.Opcode, two.Payload.Length));
        Assert.Equal(RawFrame.Close, (await RawFrame.ReadAsync(transport.Sent)).Opcode);
    }

    [Theory]
    [InlineData("", "")]
    [InlineData("why", "why")]
    [InlineData("x", "xx", 123)]
    [InlineData("\u00fc", "\u00fc", 61)]
    public async Task A_close_frame_carries_its_reason_up_to_123_bytes(string expected, string reason, int times = 1)
    {
        var transport = new ScriptedTransport();
        await using var tunnel = new TunnelStream(transport, TunnelEnd.Gateway, peerKnowsEndOfData: true, TimeProvider.System);

        await tunnel.CloseAsync(CloseCode.InternalError, string.Concat(Enumerable.Repeat(reason, times == 1 ? 1 : 200)), Limits.Token);
        await tunnel.CloseAsync(CloseCode.Normal, "again", Limits.Token);

        var (opcode, payload, _) = await RawFrame.ReadAsync(transport.Sent);
        Assert.Equal(RawFrame.Close, opcode);
        Assert.Equal("03f3", Convert.ToHexStringLower(payload.AsSpan(0, 2)));
        Assert.Equal(string.Concat(Enumerable.Repeat(expected, times)), Encoding.UTF8.GetString(payload.AsSpan(2)));
        await Assert.ThrowsAsync<TunnelAbortedException>(() => tunnel.WriteAsync(new byte[1], Limits.Token).AsTask());
    }

    [Fact]
    public async Task Closing_twice_at_once_sends_one_close_frame()
    {
        var transport = new ScriptedTransport(outputLimit: 1000);
        await using var tunnel = new TunnelStream(transport, TunnelEnd.Gateway, peerKnowsEndOfData: true, TimeProvider.System);
        var write = tunnel.WriteAsync(new byte[2000], Limits.Token).AsTask();
        var first = tunnel.CloseAsync(CloseCode.Normal, "", Limits.Token).AsTask();
        var second = tunnel.CloseAsync(CloseCode.Normal, "", Limits.Token).AsTask();

        var data = await RawFrame.ReadAsync(transport.Sent);
        await Task.WhenAll(write, first, second).WaitAsync(Limits.Token);

        Assert.Equal(RawFrame.Binary, data.Opcode);
        Assert.Equal(RawFrame.Close, (await RawFrame.ReadAsync(transport.Sent)).Opcode);
        await tunnel.DisposeAsync();
        Assert.Equal(0, await transport.Sent.ReadAsync(new byte[1], Limits.Token));
    }

    // Backpressure and memory

    [Fact]
    public async Task A_reader_that_does_not_read_stops_the_writer()
    {
        var transport = new ScriptedTransport(outputLimit: 100_000);
        await using var tunnel = new TunnelStream(transport, TunnelEnd.Relay, peerKnowsEndOfData: true, TimeProvider.System);

        var write = tunnel.WriteAsync(new byte[10_000_000], Limits.Token).AsTask();

        Assert.False(write.IsCompleted);
        Assert.InRange(tunnel.BytesWritten, 0, 100_000 + Protocol.PreferredChunkBytes);
        var received = 0;
        while (received < 10_000_000)
            received += UpstreamProxyChunk.Parser.ParseFrom((await RawFrame.ReadAsync(transport.Sent)).Payload).Data.Length;
        await write;
        Assert.Equal(10_000_000, tunnel.BytesWritten);
    }

    [Fact]
    public async Task A_writer_over_tcp_stops_within_the_buffers_of_the_kernel_and_goes_on()
    {
        await using var tunnel = await Tunnel.OpenAsync();
        const int bytes = 64_000_000;
        var write = tunnel.Relay.WriteAsync(new byte[bytes], Limits.Token).AsTask();

        Assert.False(write.IsCompleted);
        var buffer = new byte[100_000];
        for (var received = 0L; received < bytes;)
        {
            // What is written and not yet read fits the two buffers of the kernel and one of ours at each end.
            Assert.InRange(tunnel.Relay.BytesWritten - received, long.MinValue, 16_000_000);
            received += await tunnel.Gateway.ReadAsync(buffer, Limits.Token);
        }

        await write;
    }

    [Fact]
    public async Task A_tunnel_that_is_not_read_takes_nothing_from_its_connection()
    {
        var (tunnel, transport) = Gateway([.. Enumerable.Repeat(Masked(Data(new byte[10_000])), 100)]);
        await using var _ = tunnel;
        Assert.Equal(0, transport.BytesTaken);

        Assert.Equal(1, await tunnel.ReadAsync(new byte[1], Limits.Token));

        Assert.InRange(transport.BytesTaken, 10_000, 64 * 1024);
    }

    [Fact]
    public async Task An_idle_tunnel_holds_no_buffer()
    {
        var (tunnel, transport) = Gateway();
        await using var _ = tunnel;

        var read = tunnel.ReadAsync(new byte[10], Limits.Token).AsTask();
        Assert.Equal([0], transport.ReadBufferBytes);
        transport.Give(Masked(Data("x")));
        Assert.Equal(1, await read);
        read = tunnel.ReadAsync(new byte[10], Limits.Token).AsTask();

        Assert.False(read.IsCompleted);
        Assert.Equal(0, transport.ReadBufferBytes[^1]);
        transport.Give(Masked(Data("yz")));
        Assert.Equal(2, await read);
    }

    [Fact]
    public async Task A_tunnel_whose_read_was_cancelled_holds_no_buffer()
    {
        var (tunnel, transport) = Gateway(Masked(Data("x")));
        await using var _ = tunnel;
        Assert.Equal("x", await ReadTextAsync(tunnel, 1));
        using var patience = new CancellationTokenSource();
        var read = tunnel.ReadAsync(new byte[10], patience.Token).AsTask();
        await patience.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => read);

        read = tunnel.ReadAsync(new byte[10], Limits.Token).AsTask();

        Assert.Equal(0, transport.ReadBufferBytes[^1]);
        transport.Give(Masked(Data("y")));
        Assert.Equal(1, await read);
    }

    // Cancellation

    [Fact]
    public async Task A_cancelled_read_loses_nothing_wherever_it_was_cancelled()
    {
        var frames = (byte[])[.. Masked(Data("one")), .. RawFrame.Of(RawFrame.Ping, "?"u8, Key), .. Masked([0x0a, 0]), .. Masked(Data("two")), .. RawFrame.CloseOf(1000, key: Key)];
        for (var cut = 0; cut < frames.Length; cut++)
        {
            var (tunnel, transport) = Gateway(frames[..cut]);
            await using var _ = tunnel;
            var text = "";
            using var patience = new CancellationTokenSource();
            var buffer = new byte[10];
            var read = tunnel.ReadAsync(buffer, patience.Token).AsTask();
            while (read.IsCompletedSuccessfully)
            {
                text += Encoding.UTF8.GetString(buffer.AsSpan(0, await read));
                read = tunnel.ReadAsync(buffer, patience.Token).AsTask();
            }

            await patience.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => read);
            transport.Give(frames[cut..]);

            Assert.Equal("onetwo", text + await ReadToEndAsync(tunnel));
        }
    }

    [Fact]
    public async Task A_cancelled_read_over_tcp_keeps_the_tunnel()
    {
        await using var tunnel = await Tunnel.OpenAsync();
        for (var i = 0; i < 20; i++)
        {
            using var patience = new CancellationTokenSource();
            var read = tunnel.Gateway.ReadAsync(new byte[10], patience.Token).AsTask();
            await patience.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => read);

            await tunnel.Relay.WriteAsync("ping"u8.ToArray(), Limits.Token);
            Assert.Equal("ping", await ReadTextAsync(tunnel.Gateway, 4));
            await tunnel.Gateway.WriteAsync("pong"u8.ToArray(), Limits.Token);
            Assert.Equal("pong", await ReadTextAsync(tunnel.Relay, 4));
        }
    }

    [Fact]
    public async Task A_ping_does_not_stop_the_reading_while_the_writer_is_blocked()
    {
        // A peer that echoes reads on only when its own bytes are read: a reader that waits for the writer would wait forever.
        var transport = new ScriptedTransport(outputLimit: 1000);
        await using var tunnel = new TunnelStream(transport, TunnelEnd.Gateway, peerKnowsEndOfData: true, TimeProvider.System);
        var write = tunnel.WriteAsync(new byte[5000], Limits.Token).AsTask();
        transport.Give(RawFrame.Of(RawFrame.Ping, "one"u8, Key), RawFrame.Of(RawFrame.Ping, "two"u8, Key), Masked(Data("echo")));

        Assert.Equal("echo", await ReadTextAsync(tunnel, 4));

        Assert.False(write.IsCompleted);
        Assert.Equal(RawFrame.Binary, (await RawFrame.ReadAsync(transport.Sent)).Opcode);
        var (opcode, payload, _) = await RawFrame.ReadAsync(transport.Sent);
        Assert.Equal((RawFrame.Pong, "one"), (opcode, Encoding.UTF8.GetString(payload)));
        await write;
    }

    [Fact]
    public async Task A_cancelled_read_does_not_tear_the_answer_to_a_ping()
    {
        var transport = new ScriptedTransport(outputLimit: 10);
        await using var tunnel = new TunnelStream(transport, TunnelEnd.Gateway, peerKnowsEndOfData: true, TimeProvider.System);
        transport.Give(RawFrame.Of(RawFrame.Ping, new byte[50], Key));
        using var patience = new CancellationTokenSource();
        var read = tunnel.ReadAsync(new byte[1], patience.Token).AsTask();
        await patience.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => read);

        var write = tunnel.WriteAsync("y"u8.ToArray(), Limits.Token).AsTask();
        transport.Give(Masked(Data("x")));

        var pong = await RawFrame.ReadAsync(transport.Sent);
        Assert.Equal((RawFrame.Pong, 50), (pong.Opcode, pong.Payload.Length));
        Assert.Equal("0a0179", Convert.ToHexStringLower((await RawFrame.ReadAsync(transport.Sent)).Payload));
        await write;
        Assert.Equal("x", await ReadTextAsync(tunnel, 1));
    }

    [Fact]
    public async Task A_cancelled_write_breaks_the_tunnel_since_half_a_frame_cannot_be_taken_back()
    {
        var transport = new ScriptedTransport(outputLimit: 1000);
        await using var tunnel = new TunnelStream(transport, TunnelEnd.Gateway, peerKnowsEndOfData: true, TimeProvider.System);
        using var patience = new CancellationTokenSource();
        var write = tunnel.WriteAsync(new byte[5000], patience.Token).AsTask();
        Assert.False(write.IsCompleted);

        await patience.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => write);
        await Assert.ThrowsAsync<TunnelAbortedException>(() => tunnel.WriteAsync(new byte[1], Limits.Token).AsTask());
    }

    [Fact]
    public async Task A_write_that_was_cancelled_before_it_began_breaks_nothing()
    {
        await using var tunnel = await Tunnel.OpenAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => tunnel.Relay.WriteAsync("x"u8.ToArray(), new CancellationToken(canceled: true)).AsTask());

        await tunnel.Relay.WriteAsync("y"u8.ToArray(), Limits.Token);
        Assert.Equal("y", await ReadTextAsync(tunnel.Gateway, 1));
    }

    private static byte[] Data(string text) => Data(Encoding.UTF8.GetBytes(text));

    private static byte[] Data(byte[] data) => [0x0a, .. Varint(data.Length), .. data];

    private static byte[] Varint(int value)
    {
        var bytes = new List<byte>();
        for (; value >= 0x80; value >>= 7) bytes.Add((byte)(value | 0x80));
        return [.. bytes, (byte)value];
    }

    private static byte[] Masked(byte[] message) => RawFrame.Of(RawFrame.Binary, message, Key);

    private static (TunnelStream Tunnel, ScriptedTransport Transport) Gateway(params byte[][] frames)
    {
        var transport = new ScriptedTransport().Give(frames);
        return (new TunnelStream(transport, TunnelEnd.Gateway, peerKnowsEndOfData: true, TimeProvider.System), transport);
    }

    private static async Task AssertStaysCutAsync(TunnelStream tunnel)
    {
        for (var i = 0; i < 3; i++)
            await Assert.ThrowsAsync<TunnelAbortedException>(() => tunnel.ReadAsync(new byte[1], Limits.Token).AsTask().WaitAsync(Limits.Token));
    }

    // Notices

    [Fact]
    public async Task A_notice_arrives_beside_the_data_and_is_no_part_of_it()
    {
        await using var tunnel = await Tunnel.OpenAsync();
        var notices = new List<Notice>();
        tunnel.Relay.NoticeReceived = notices.Add;

        await tunnel.Gateway.WriteAsync("before"u8.ToArray(), Limits.Token);
        Assert.True(tunnel.Gateway.TrySendNotice(Denial));
        await tunnel.Gateway.WriteAsync("after"u8.ToArray(), Limits.Token);

        Assert.Equal("beforeafter", await ReadTextAsync(tunnel.Relay, 11));
        Assert.Equal([Denial], notices);
        Assert.Equal((11, 11), (tunnel.Gateway.BytesWritten, tunnel.Relay.BytesRead));
    }

    [Fact]
    public async Task A_notice_arrives_while_the_close_is_waited_for()
    {
        await using var tunnel = await Tunnel.OpenAsync();
        var notices = new List<Notice>();
        tunnel.Relay.NoticeReceived = notices.Add;

        Assert.True(tunnel.Gateway.TrySendNotice(Denial));
        await tunnel.Gateway.CloseAsync(CloseCode.Normal, "", Limits.Token);
        await tunnel.Relay.WaitForCloseAsync(Limits.Token);

        Assert.Equal([Denial], notices);
    }

    [Fact]
    public async Task A_notice_is_dropped_while_somebody_writes_and_the_data_goes_on()
    {
        var transport = new ScriptedTransport(outputLimit: 10);
        await using var tunnel = new TunnelStream(transport, TunnelEnd.Gateway, peerKnowsEndOfData: true, TimeProvider.System) { PeerKnowsNotices = true };

        var write = tunnel.WriteAsync(new byte[100], Limits.Token).AsTask();
        var isSent = tunnel.TrySendNotice(Denial);
        var frame = await RawFrame.ReadAsync(transport.Sent);
        await write;
        await tunnel.WriteAsync("x"u8.ToArray(), Limits.Token);

        Assert.False(isSent);
        Assert.Equal(100, UpstreamProxyChunk.Parser.ParseFrom(frame.Payload).Data.Length);
        Assert.Equal("0a0178", Convert.ToHexStringLower((await RawFrame.ReadAsync(transport.Sent)).Payload));
    }

    [Fact]
    public async Task A_notice_goes_only_to_a_peer_that_knows_it_and_only_before_the_end()
    {
        var transport = new ScriptedTransport();
        await using var silent = new TunnelStream(transport, TunnelEnd.Gateway, peerKnowsEndOfData: true, TimeProvider.System);
        await using var ended = new TunnelStream(new ScriptedTransport(), TunnelEnd.Gateway, peerKnowsEndOfData: true, TimeProvider.System) { PeerKnowsNotices = true };

        await ended.EndWriteAsync(Limits.Token);

        Assert.False(silent.TrySendNotice(Denial));
        Assert.False(ended.TrySendNotice(Denial));
        await silent.WriteAsync("x"u8.ToArray(), Limits.Token);
        Assert.Equal("0a0178", Convert.ToHexStringLower((await RawFrame.ReadAsync(transport.Sent)).Payload));
    }

    [Fact]
    public async Task A_peer_that_asks_for_no_notices_passes_them_over()
    {
        await using var tunnel = await Tunnel.OpenAsync();

        Assert.True(tunnel.Gateway.TrySendNotice(Denial));
        await tunnel.Gateway.WriteAsync("data"u8.ToArray(), Limits.Token);

        Assert.Equal("data", await ReadTextAsync(tunnel.Relay, 4));
    }

    private static Notice Denial { get; } = new(NoticeKind.Policy, "api.test:443", "policy 'p' refuses this request.")
    {
        Method = "GET",
        Path = "/x",
        Rule = "deny * **",
        WhatToDo = "Ask.",
        RequestId = "1",
    };

    private static async Task<string> ReadTextAsync(TunnelStream tunnel, int bytes)
    {
        var buffer = new byte[bytes];
        await tunnel.ReadExactlyAsync(buffer, Limits.Token);
        return Encoding.UTF8.GetString(buffer);
    }

    private static async Task<string> ReadToEndAsync(TunnelStream tunnel)
    {
        using var all = new MemoryStream();
        await tunnel.CopyToAsync(all, Limits.Token);
        return Encoding.UTF8.GetString(all.ToArray());
    }

    private static async Task<string> WriteAllAsync(TunnelStream tunnel, Random random, int bytes)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (var left = bytes; left > 0;)
        {
            var piece = random.NextBytes(Math.Min(left, random.Pick(1, 100, 5_000, 70_000, random.Next(1, 600_000))));
            hash.AppendData(piece);
            await tunnel.WriteAsync(piece, Limits.Token);
            left -= piece.Length;
        }

        await tunnel.EndWriteAsync(Limits.Token);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static async Task<string> ReadAllAsync(TunnelStream tunnel, Random random, int expected)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[100_000];
        var bytes = 0;
        while (await tunnel.ReadAsync(buffer.AsMemory(0, random.Next(1, buffer.Length)), Limits.Token) is var read and > 0)
        {
            hash.AppendData(buffer.AsSpan(0, read));
            bytes += read;
        }

        Assert.Equal(expected, bytes);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private sealed record Tunnel(TunnelStream Relay, TunnelStream Gateway) : IAsyncDisposable
    {
        public static async Task<Tunnel> OpenAsync(bool knowsEndOfData = true)
        {
            var pair = await LoopbackPair.ConnectAsync();
            return new Tunnel(
                new TunnelStream(pair.Client, TunnelEnd.Relay, knowsEndOfData, TimeProvider.System),
                new TunnelStream(pair.Server, TunnelEnd.Gateway, knowsEndOfData, TimeProvider.System) { PeerKnowsNotices = true });
        }

        public async ValueTask DisposeAsync()
        {
            await Relay.DisposeAsync();
            await Gateway.DisposeAsync();
        }
    }
}
