using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Streaming;

public sealed class KilledProgramTests
{
    [Theory]
    [InlineData("--http1.1", "")]
    [InlineData("--http1.1", "&chunked")]
    [InlineData("--http2", "")]
    public async Task A_killed_gateway_is_an_error_to_the_tool_and_the_relay_lives_on(string option, string query)
    {
        await using var site = await Site.StartAsync();
        await using var curl = await StartDownloadAsync(site, option, query);

        site.Gateway.Program.Kill();

        (await curl.WaitAsync(Limits.Token())).Failed();
        var next = await site.RunAsync("curl", "-sS", "https://origin.test/echo/next");
        Assert.Contains("502", next.Failed().Stderr, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_killed_relay_is_an_error_to_the_tool()
    {
        await using var site = await Site.StartAsync();
        await using var curl = await StartDownloadAsync(site, "--http1.1", "&chunked");

        site.Relay.Program.Kill();

        (await curl.WaitAsync(Limits.Token())).Failed();
        await site.Origin.Signals.WaitAsync("aborted killed", Limits.Token());
    }

    private static async Task<RunningProgram> StartDownloadAsync(Site site, string option, string query)
    {
        var curl = site.Start("curl", "-sS", "-N", option, "--limit-rate", "1M", $"https://origin.test/bytes/{1L << 40}?key=killed{query}");
        await curl.Stdout.WaitForBytesAsync(100_000, Limits.Token());
        return curl;
    }
}
