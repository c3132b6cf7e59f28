using System.Buffers;
using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using Fairlead.Tests.Repository;
using Fairlead.Wire;
using Xunit.Sdk;

namespace Fairlead.Tests.Wire;

/// <summary>
/// Mutated input for what strangers send: only the documented exceptions come out, and always in time.
/// An input that fails is written to <c>cases/</c>, whose files are replayed for good.
/// </summary>
public sealed class FuzzTests
{
    private static readonly TimeSpan Duration = TimeSpan.FromSeconds(4);

    private static readonly Dictionary<string, Func<byte[], ValueTask>> Targets = new(StringComparer.Ordinal)
    {
        ["chunk"] = ReadChunk,
        ["connect"] = ReadConnect,
        ["hostport"] = ReadHostPort,
        ["frames-gateway"] = input => ReadFramesAsync(TunnelEnd.Gateway, input),
        ["frames-relay"] = input => ReadFramesAsync(TunnelEnd.Relay, input),
        ["reuse-gateway"] = input => ReadTunnelsAsync(TunnelEnd.Gateway, input),
        ["reuse-relay"] = input => ReadTunnelsAsync(TunnelEnd.Relay, input),
    };

    public static TheoryData<string> Cases =>
        [.. Directory.EnumerateFiles(RepositoryFiles.PathOf("tests", "Fairlead.Tests", "Wire", "cases"), "*.bin").Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task A_kept_case_is_harmless(string file)
    {
        var input = await File.ReadAllBytesAsync(RepositoryFiles.PathOf("tests", "Fairlead.Tests", "Wire", "cases", file), Limits.Token);
        var target = Targets.Single(target => file.StartsWith(target.Key + ".", StringComparison.Ordinal)).Value;

        await Task.Run(async () => await target(input), Limits.Token).WaitAsync(Limits.Token);
    }

    [Fact]
    public Task Chunks_survive_mutation() => FuzzAsync("chunk", random => ChunkTests.NextFields(random));

    [Fact]
    public Task Connect_heads_survive_mutation() => FuzzAsync("connect", random => Encoding.Latin1.GetBytes(random.Pick(
        "CONNECT a.test:443 HTTP/1.1\r\n\r\n",
        "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\nProxy-Authorization: Basic eDp5\r\nUser-Agent: x\r\n\r\n\x16\x03\x01",
        "GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "connect [::1]:1 HTTP/1.0\r\nX:" + new string('x', random.Next(9000)) + "\r\n\r\n")));

    [Fact]
    public Task Destinations_survive_mutation() => FuzzAsync("hostport", random => Encoding.UTF8.GetBytes(HostPortTests.NextAuthority(random)));

    [Fact]
    public Task Frames_from_a_relay_survive_mutation() => FuzzAsync("frames-gateway", random => WebSocketOracleTests.NextFrames(random, isMasked: true));

    [Fact]
    public Task Frames_from_a_gateway_survive_mutation() => FuzzAsync("frames-relay", random => WebSocketOracleTests.NextFrames(random, isMasked: false));

    [Fact]
    public Task Tunnels_one_after_another_survive_mutation_at_the_gateway() => FuzzAsync("reuse-gateway", random => NextTunnels(random, isMasked: true));

    [Fact]
    public Task Tunnels_one_after_another_survive_mutation_at_the_relay() => FuzzAsync("reuse-relay", random => NextTunnels(random, isMasked: false));

    private static async Task FuzzAsync(string target, Func<Random, byte[]> valid)
    {
        byte[] input = [];
        var seed = Seeded.FirstSeed;
        var start = Stopwatch.GetTimestamp();
        var runs = 0;
        var fuzzing = Task.Run(async () =>
        {
            for (; runs == 0 || Stopwatch.GetElapsedTime(start) < Duration; runs++, seed = unchecked(seed + 1))
            {
                var random = new Random(seed);
                input = Mutate(random, valid(random), valid);
                await Targets[target](input);
            }
        });
        try
        {
            await fuzzing.WaitAsync(Limits.Token);
        }
        catch (Exception e)
        {
            var file = $"{target}.{Convert.ToHexStringLower(SHA256.HashData(input).AsSpan(0, 6))}.bin";
            await File.WriteAllBytesAsync(RepositoryFiles.PathOf("tests", "Fairlead.Tests", "Wire", "cases", file), input, CancellationToken.None);
            throw new XunitException($"Failed for seed {seed}, kept as cases/{file}. {e.GetType().Name}: {e.Message}", e);
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{runs} runs from seed {Seeded.FirstSeed}");
    }

    private static byte[] Mutate(Random random, byte[] input, Func<Random, byte[]> valid)
    {
        var bytes = input.ToList();
        for (var mutations = random.Next(0, 6); mutations > 0; mutations--)
        {
            var at = random.Next(bytes.Count + 1);
            switch (random.Next(8))
            {
                case 0 when at < bytes.Count: bytes[at] ^= (byte)(1 << random.Next(8)); break;
                case 1 when at < bytes.Count: bytes[at] = random.Pick<byte>(0, 1, 0x7e, 0x7f, 0x80, 0x81, 0xfe, 0xff, (byte)'\r', (byte)'\n', (byte)':', (byte)' '); break;
                case 2: bytes.Insert(at, (byte)random.Next(256)); break;
                case 3 when at < bytes.Count: bytes.RemoveRange(at, random.Next(1, bytes.Count - at + 1)); break;
                case 4: bytes.InsertRange(at, bytes.GetRange(0, at)); break;
                case 5: bytes.InsertRange(at, valid(random)); break;
                case 6: bytes.InsertRange(at, random.NextBytes(random.Next(1, 20))); break;
                case 7: bytes.InsertRange(at, Enumerable.Repeat(random.Pick<byte>(0x80, 0xff, 0x0b, 0), random.Next(1, 200))); break;
                default: break;
            }
        }

        return [.. bytes];
    }

    private static ValueTask ReadChunk(byte[] input)
    {
        try
        {
            var chunk = Chunk.Parse(input);
            Assert.True(chunk.Data.Length <= input.Length);
            Assert.NotNull(chunk.Host);
        }
        catch (ProtocolException e)
        {
            HostPortTests.AssertIsHarmless(e.Message);
        }

        return ValueTask.CompletedTask;
    }

    private static ValueTask ReadConnect(byte[] input)
    {
        var result = ConnectRequest.Parse(input, out var request, out var headBytes, out var problem);

        Assert.Equal(result == ConnectHead.Connect, request is not null);
        Assert.Equal(result is ConnectHead.Other or ConnectHead.TooLong, problem is not null);
        Assert.Equal(result is ConnectHead.Connect or ConnectHead.Other, headBytes > 0);
        Assert.InRange(headBytes, 0, Math.Min(input.Length, Protocol.MaxHeadBytes));
        if (problem is not null) HostPortTests.AssertIsHarmless(problem);
        if (request is null) return ValueTask.CompletedTask;

        // What the relay sends on for this target is one head, and names the same target.
        var forwarded = new ArrayBufferWriter<byte>();
        ConnectRequest.Write(forwarded, request.Target, "session:token"u8);
        Assert.Equal(ConnectHead.Connect, ConnectRequest.Parse(forwarded.WrittenSpan, out var again, out var forwardedBytes, out _));
        Assert.Equal(request.Target, again!.Target);
        Assert.Equal(forwarded.WrittenCount, forwardedBytes);
        return ReadHostPort(Encoding.Latin1.GetBytes(request.Target));
    }

    private static ValueTask ReadHostPort(byte[] input)
    {
        foreach (var text in (ReadOnlySpan<string>)[Encoding.UTF8.GetString(input), Encoding.Latin1.GetString(input)])
        {
            if (HostPort.TryParse(text, defaultPort: 443, out var destination, out var problem)) HostPortTests.AssertIsCanonical(destination);
            else HostPortTests.AssertIsHarmless(problem);
        }

        return ValueTask.CompletedTask;
    }

    private static byte[] NextTunnels(Random random, bool isMasked)
    {
        var key = isMasked ? random.NextBytes(4) : null;
        var frames = new List<byte>();
        for (var tunnels = random.Next(1, 4); tunnels > 0; tunnels--)
        {
            for (var chunks = random.Next(0, 3); chunks > 0; chunks--) frames.AddRange(RawFrame.Of(RawFrame.Binary, [0x0a, 2, 1, 2], key));
            foreach (var message in (ReadOnlySpan<byte[]>)[[0xa0, 6, 1], [0x0a, 0], [0xb0, 6, 1]]) frames.AddRange(RawFrame.Of(RawFrame.Binary, message, key));
            if (random.Next(3) == 0) frames.AddRange(RawFrame.Of(RawFrame.Ping, "?"u8, key));
        }

        return [.. frames];
    }

    // As the two programs do: to the end of the data, our own end, and on to the next tunnel.
    private static async ValueTask ReadTunnelsAsync(TunnelEnd end, byte[] input)
    {
        var transport = new ScriptedTransport { PieceBytes = input.Length % 3 == 0 ? 5 : int.MaxValue }.Give(input).End();
        var tunnel = new TunnelStream(transport, end, peerKnowsEndOfData: true, new FakeTimeProvider()) { CarriesReuse = true };
        long read = 0;
        try
        {
            for (TunnelStream? next = tunnel; next is not null; next = await tunnel.NextAsync(Limits.Token))
            {
                tunnel = next;
                while (await tunnel.ReadChunkAsync(Limits.Token) is { } chunk) read += chunk.Data.Length;
                if (end == TunnelEnd.Gateway) await tunnel.EndTunnelAsync(Limits.Token);
                else await tunnel.EndWriteAsync(Limits.Token);
            }
        }
        catch (IOException e) when (e is ProtocolException or TunnelAbortedException)
        {
            HostPortTests.AssertIsHarmless(e.Message);
            Assert.Null(await tunnel.NextAsync(Limits.Token));
        }

        Assert.True(read <= input.Length);
        await tunnel.DisposeAsync();
    }

    private static async ValueTask ReadFramesAsync(TunnelEnd end, byte[] input)
    {
        var piece = input.Length % 3 == 0 ? 5 : int.MaxValue;
        var transport = new ScriptedTransport { PieceBytes = piece }.Give(input).End();
        await using var tunnel = new TunnelStream(transport, end, peerKnowsEndOfData: true, new FakeTimeProvider());
        var buffer = new byte[1000];
        try
        {
            while (await tunnel.ReadAsync(buffer, Limits.Token) > 0)
            {
            }
        }
        catch (IOException e) when (e is ProtocolException or TunnelAbortedException)
        {
            HostPortTests.AssertIsHarmless(e.Message);
            var again = await Assert.ThrowsAnyAsync<IOException>(() => tunnel.ReadAsync(buffer, Limits.Token).AsTask());
            Assert.Equal(e.GetType(), again.GetType());
        }

        Assert.True(tunnel.BytesRead <= input.Length);
    }
}
