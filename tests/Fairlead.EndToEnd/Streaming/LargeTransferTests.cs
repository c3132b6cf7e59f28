using System.Text.Json.Nodes;
using Fairlead.EndToEnd.Harness;
using Fairlead.EndToEnd.Origins;

namespace Fairlead.EndToEnd.Streaming;

/// <summary>More than anything that could be held in memory unseen.</summary>
public sealed class LargeTransferTests
{
    private const long Bytes = 1L << 30;
    private const long AllowedGrowth = 150L << 20;

    [Theory]
    [InlineData("--http1.1")]
    [InlineData("--http2")]
    public async Task A_gibibyte_down_keeps_memory_flat(string option)
    {
        await using var site = await Site.StartAsync();
        var (relay, gateway) = await WarmUpAsync(site);

        var result = await site.RunAsync("sh", "-c", $"curl -sS --fail {option} https://origin.test/bytes/{Bytes} | sha256sum");

        Assert.StartsWith(TestPattern.Sha256(Bytes), result.Succeeded().Stdout, StringComparison.Ordinal);
        AssertFlat(relay, site.Relay.Program);
        AssertFlat(gateway, site.Gateway.Program);
    }

    [Theory]
    [InlineData("--http1.1")]
    [InlineData("--http2")]
    public async Task A_gibibyte_up_keeps_memory_flat(string option)
    {
        await using var site = await Site.StartAsync();
        var (relay, gateway) = await WarmUpAsync(site);

        var result = await site.RunAsync("sh", "-c", $"head -c {Bytes} /dev/zero | curl -sS --fail {option} -T - https://origin.test/upload/large");

        Assert.Equal(Bytes, (long?)result.Json["bodyBytes"]);
        Assert.Equal("49bc20df15e412a64472421e13fe86ff1c5165e18b2afccf160d4dc19fe68a14", (string?)result.Json["bodySha256"]);
        AssertFlat(relay, site.Relay.Program);
        AssertFlat(gateway, site.Gateway.Program);
    }

    private static async Task<(ProcessMemory Relay, ProcessMemory Gateway)> WarmUpAsync(Site site)
    {
        JsonNode warm = (await site.RunAsync("curl", "-sS", "https://origin.test/echo/warm")).Json;
        Assert.NotNull(warm);
        return (ProcessMemory.Of(site.Relay.Program), ProcessMemory.Of(site.Gateway.Program));
    }

    private static void AssertFlat(ProcessMemory before, RunningProgram program) =>
        Assert.InRange(ProcessMemory.Of(program).PeakBytes - before.ResidentBytes, long.MinValue, AllowedGrowth);
}
