using Fairlead.Gateway.Sessions;
using Fairlead.Gateway.Tunnels;
using Fairlead.Tests.Wire;
using Fairlead.Wire;
using Microsoft.AspNetCore.Connections;

namespace Fairlead.Tests.Gateway;

/// <summary>A tunnel as the inner server has it, which takes its end from the input and no errors from the output.</summary>
public sealed class TunnelConnectionTests : IAsyncDisposable
{
    private static readonly byte[] Ping = new byte[17];

    private readonly ScriptedTransport _transport = new();
    private readonly TunnelStream _stream;
    private readonly TunnelConnection _connection;

    public TunnelConnectionTests()
    {
        var lease = new SessionLease(Edge.SessionOf("s1", Edge.Token), [new SessionUsage(TimeProvider.System)]);
        Assert.True(HostPort.TryParse("api.test:443", out var destination, out _));
        _stream = new TunnelStream(_transport, TunnelEnd.Gateway, peerKnowsEndOfData: true, TimeProvider.System);
        _connection = new TunnelConnection(new Tunnel("t1", lease, destination, _ => { }), _stream, ReadOnlyMemory<byte>.Empty);
    }

    public async ValueTask DisposeAsync()
    {
        await _connection.DisposeAsync();
        await _stream.DisposeAsync();
    }

    [Fact]
    public async Task What_can_no_longer_be_written_is_dropped_and_the_input_says_why()
    {
        var receiving = _connection.ReceiveAsync();
        _transport.WriteFailure = new IOException("Broken pipe");

        for (var i = 0; i < 3; i++) Assert.False((await _connection.Output.WriteAsync(Ping, Limits.Token)).IsCompleted);

        Assert.Single(_transport.WrittenFrom);
        Assert.Contains("Broken pipe", (await receiving.WaitAsync(Limits.Token))!.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<ConnectionResetException>(async () => await _connection.Input.ReadAsync(Limits.Token));
        Assert.True(_connection.ConnectionClosed.IsCancellationRequested);
    }

    [Fact]
    public async Task A_flood_that_waits_for_the_inner_server_does_not_keep_it_from_learning_that_nobody_reads()
    {
        var flood = new byte[60_000];
        for (var sent = 0; sent <= TunnelConnection.MaxWaitingBytes; sent += flood.Length) _transport.Give(RawFrame.Of(RawFrame.Binary, [.. ChunkOf(flood)], [1, 2, 3, 4]));
        var receiving = _connection.ReceiveAsync();
        _transport.WriteFailure = new IOException("Broken pipe");

        await _connection.Output.WriteAsync(Ping, Limits.Token);

        Assert.NotNull(await receiving.WaitAsync(Limits.Token));
        await Assert.ThrowsAsync<ConnectionResetException>(async () => await _connection.Input.ReadAsync(Limits.Token));
    }

    [Fact]
    public async Task What_is_written_to_a_workload_that_has_closed_is_dropped_and_its_end_stays_an_end()
    {
        _transport.Give(RawFrame.Of(RawFrame.Close, [0x03, 0xe8], [1, 2, 3, 4]));
        Assert.Null(await _connection.ReceiveAsync().WaitAsync(Limits.Token));

        Assert.False((await _connection.Output.WriteAsync(Ping, Limits.Token)).IsCompleted);

        Assert.True((await _connection.Input.ReadAsync(Limits.Token)).IsCompleted);
    }

    [Fact]
    public async Task A_connection_that_was_given_up_takes_what_is_written_without_a_word_and_blames_nobody_else()
    {
        var receiving = _connection.ReceiveAsync();
        _connection.Abort(new ConnectionAbortedException("enough"));
        await _stream.CloseAsync(CloseCode.InternalError, "", Limits.Token);

        await _connection.Output.WriteAsync(Ping, Limits.Token);

        Assert.Null(await receiving.WaitAsync(Limits.Token));
        Assert.Equal("enough", (await _connection.Finished)!.Message);
    }

    [Fact]
    public async Task An_end_that_the_inner_server_has_seen_is_left_to_it_to_read()
    {
        _transport.Give(RawFrame.Of(RawFrame.Close, [0x03, 0xe8], [1, 2, 3, 4]));
        var reading = _connection.Input.ReadAsync(Limits.Token);
        await _connection.ReceiveAsync().WaitAsync(Limits.Token);

        // As Kestrel does when ConnectionClosed is cancelled.
        _connection.Abort(null!);

        Assert.False(_connection.Finished.IsCompleted);
        Assert.True(_connection.IsOver);
        var end = await reading;
        _connection.Input.AdvanceTo(end.Buffer.End);
        Assert.True(end.IsCompleted);
        await _connection.DisposeAsync();
        Assert.Null(await _connection.Finished);
    }

    private static byte[] ChunkOf(byte[] data)
    {
        var head = new byte[Chunk.MaxHeaderBytes];
        return [.. head.AsSpan(0, Chunk.WriteHeader(head, data.Length)), .. data];
    }
}
