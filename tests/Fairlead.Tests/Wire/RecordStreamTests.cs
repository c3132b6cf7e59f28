using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Fairlead.Tests.Gateway;
using Fairlead.Wire;

namespace Fairlead.Tests.Wire;

public sealed class RecordStreamTests
{
    private const int Record = 16 * 1024;

    [Fact]
    public async Task What_is_written_over_TLS_comes_out_whatever_the_sizes_and_both_ways_at_once()
    {
        await using var pair = await LoopbackPair.ConnectAsync();
        using var ca = new OriginCa();
        await using var client = new SslStream(new RecordStream(pair.Client, mostHeld: RecordStream.HoldsChunks));
        await using var server = new SslStream(new RecordStream(pair.Server));
        await Task.WhenAll(
            server.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = ca.Issue("localhost") }, Limits.Token),
            client.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = "localhost", CertificateChainPolicy = Trusting(ca) }, Limits.Token));

        var random = new Random(Seeded.FirstSeed);
        await Task.WhenAll(SendAsync(client, random.Next()), SendAsync(server, random.Next()), ReceiveAsync(server, random.Next()), ReceiveAsync(client, random.Next()));

        async Task SendAsync(SslStream to, int seed)
        {
            var (sizes, sent) = (new Random(seed), 0);
            while (sent < 3_000_000)
            {
                // Each ends as it may: on a border of records, short of one, behind one.
                var bytes = new byte[Math.Min(3_000_000 - sent, sizes.Next(4) switch { 0 => sizes.Next(1, 200), 1 => Record * sizes.Next(1, 9), 2 => (Record * sizes.Next(1, 9)) + sizes.Next(-1, 2), _ => sizes.Next(1, 300_000) })];
                for (var i = 0; i < bytes.Length; i++) bytes[i] = (byte)((sent + i) * 31 >> 3);
                await to.WriteAsync(bytes, Limits.Token);
                await to.FlushAsync(Limits.Token);
                sent += bytes.Length;
            }
        }

        async Task ReceiveAsync(SslStream from, int seed)
        {
            var (sizes, received) = (new Random(seed), 0);
            while (received < 3_000_000)
            {
                if (sizes.Next(3) == 0) Assert.Equal(0, await from.ReadAsync(Memory<byte>.Empty, Limits.Token));
                var buffer = new byte[sizes.Next(1, 100_000)];
                var count = await from.ReadAsync(buffer, Limits.Token);
                Assert.NotEqual(0, count);
                for (var i = 0; i < count; i++) Assert.Equal((byte)((received + i) * 31 >> 3), buffer[i]);
                received += count;
            }
        }
    }

    [Fact]
    public async Task Records_that_came_together_are_read_at_once()
    {
        await using var transport = new ScriptedTransport().Give(RandomNumberGenerator.GetBytes(4 * Record));
        await using var stream = new RecordStream(transport);

        for (var i = 0; i < 4; i++)
        {
            Assert.Equal(0, await stream.ReadAsync(Memory<byte>.Empty, Limits.Token));
            Assert.Equal(Record, await stream.ReadAsync(new byte[Record], Limits.Token));
        }

        Assert.Equal([0, 128 * 1024], transport.ReadBufferBytes);
    }

    [Fact]
    public async Task A_message_of_the_handshake_is_read_without_a_buffer_of_its_own()
    {
        await using var transport = new ScriptedTransport().Give(new byte[300]);
        await using var stream = new RecordStream(transport);

        Assert.Equal(300, await stream.ReadAsync(new byte[8 * 1024], Limits.Token));

        Assert.Equal([8 * 1024], transport.ReadBufferBytes);
    }

    [Fact]
    public async Task Who_waits_for_a_byte_goes_on_waiting_after_an_event_of_bytes_that_were_read_already()
    {
        await using var transport = new ScriptedTransport();
        await using var stream = new RecordStream(transport);

        var wait = stream.ReadAsync(Memory<byte>.Empty, Limits.Token);
        transport.Give([1]);

        Assert.Equal(0, await wait);
        Assert.Equal([0, 0], transport.ReadBufferBytes);
    }

    [Fact]
    public async Task Who_waits_for_a_byte_holds_no_buffer_and_a_read_that_is_cancelled_loses_nothing()
    {
        await using var transport = new ScriptedTransport();
        await using var stream = new RecordStream(transport);
        using var cancelled = new CancellationTokenSource();

        var waiting = stream.ReadAsync(new byte[10], cancelled.Token).AsTask();
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        transport.Give([1, 2, 3]);
        Assert.Equal(0, await stream.ReadAsync(Memory<byte>.Empty, Limits.Token));
        var buffer = new byte[10];

        Assert.Equal(3, await stream.ReadAsync(buffer, Limits.Token));
        Assert.Equal([1, 2, 3], buffer[..3]);
        transport.End();
        Assert.Equal(0, await stream.ReadAsync(buffer, Limits.Token));
    }

    [Fact]
    public async Task Full_records_wait_for_what_belongs_to_them_and_everything_else_goes_at_once()
    {
        await using var transport = new ScriptedTransport();
        await using var stream = new RecordStream(transport, mostHeld: RecordStream.HoldsChunks);

        await stream.WriteAsync(new byte[300], Limits.Token);
        Assert.Equal([300], Sizes());
        await stream.WriteAsync(new byte[2 * Record], Limits.Token);
        await stream.WriteAsync(new byte[Record], Limits.Token);
        Assert.Equal([300], Sizes());
        await stream.FlushAsync(Limits.Token);
        Assert.Equal([300, 3 * Record], Sizes());
        await stream.WriteAsync(new byte[Record], Limits.Token);
        await stream.WriteAsync(new byte[10], Limits.Token);
        Assert.Equal([300, 3 * Record, Record + 10], Sizes());
        // No more than its buffer waits.
        for (var i = 0; i < 9; i++) await stream.WriteAsync(new byte[Record], Limits.Token);
        Assert.Equal([300, 3 * Record, Record + 10, 8 * Record], Sizes());
        await stream.FlushAsync(Limits.Token);
        Assert.Equal(Record, Sizes()[^1]);

        int[] Sizes() => [.. transport.WrittenFrom.Select(w => w.Length)];
    }

    [Fact]
    public async Task Where_nobody_flushes_nothing_waits()
    {
        await using var transport = new ScriptedTransport();
        await using var stream = new RecordStream(transport);

        await stream.WriteAsync(new byte[2 * Record], Limits.Token);

        Assert.Equal(2 * Record, Assert.Single(transport.WrittenFrom).Length);
    }

    private static X509ChainPolicy Trusting(OriginCa ca) => new() { TrustMode = X509ChainTrustMode.CustomRootTrust, CustomTrustStore = { ca.Root }, RevocationMode = X509RevocationMode.NoCheck };
}
