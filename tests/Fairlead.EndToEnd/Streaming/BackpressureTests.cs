using System.Text;
using Fairlead.EndToEnd.Harness;
using Fairlead.EndToEnd.Origins;

namespace Fairlead.EndToEnd.Streaming;

public sealed class BackpressureTests
{
    private const long Bytes = 512L << 20;
    // What sockets, pipes and TLS may hold on the way: kernels grow socket buffers to some MiB per hop.
    private const long AllowedInFlight = 96L << 20;
    private const int LooksUntilSettled = 40;

    [Fact]
    public async Task A_reader_that_stops_stops_the_origin()
    {
        await using var site = await Site.StartAsync();
        await using var tunnel = await TunnelSocket.OpenTlsAsync(site.Relay, "origin.test", Limits.Token());
        var before = (Relay: ProcessMemory.Of(site.Relay.Program), Gateway: ProcessMemory.Of(site.Gateway.Program));

        await tunnel.WriteAsync(Encoding.ASCII.GetBytes($"GET /bytes/{Bytes}?key=slow HTTP/1.1\r\nHost: origin.test\r\nConnection: close\r\n\r\n"), Limits.Token());
        var sent = await SettledAsync(site.Origin, "slow");

        Assert.InRange(sent, 1, AllowedInFlight);
        AssertBounded(before.Relay, site.Relay.Program);
        AssertBounded(before.Gateway, site.Gateway.Program);
        Assert.Equal(Bytes, await DrainAsync(tunnel));
    }

    /// <summary>Nothing signals that nothing happens: the counter must stand still over a second of looks.</summary>
    private static async Task<long> SettledAsync(Origin origin, string key)
    {
        var token = Limits.Token();
        var (last, looks) = (0L, 0);
        while (looks < LooksUntilSettled)
        {
            await Task.Delay(Limits.Poll, token);
            var now = origin.Sent.GetValueOrDefault(key);
            looks = now == last && now > 0 ? looks + 1 : 0;
            last = now;
        }

        return last;
    }

    private static async Task<long> DrainAsync(Stream stream)
    {
        var head = await TunnelSocket.ReadHeadAsync(stream, Limits.Token());
        Assert.StartsWith("HTTP/1.1 200 ", head, StringComparison.Ordinal);
        var buffer = new byte[256 * 1024];
        long total = 0;
        while (total < Bytes && await stream.ReadAsync(buffer, Limits.Token()) is > 0 and var count) total += count;
        return total;
    }

    private static void AssertBounded(ProcessMemory before, RunningProgram program) =>
        Assert.InRange(ProcessMemory.Of(program).ResidentBytes - before.ResidentBytes, long.MinValue, AllowedInFlight);
}
