using Fairlead.EndToEnd.Harness;
using Fairlead.EndToEnd.Origins;

namespace Fairlead.EndToEnd.Streaming;

/// <summary>A break on one side is a break on the other: never a clean end, never a hang.</summary>
public sealed class AbortTests(SharedSite shared)
{
    private readonly Site _site = shared.Site;

    [Theory]
    [InlineData("--http1.1")]
    [InlineData("--http2")]
    public async Task A_client_that_leaves_while_it_waits_ends_the_origins_request(string option)
    {
        await using var curl = _site.Start("curl", "-sS", option, $"https://origin.test/never/wait{option}");
        await _site.Origin.Signals.WaitAsync($"arrived wait{option}", Limits.Token());

        curl.Kill();

        await _site.Origin.Signals.WaitAsync($"aborted wait{option}", Limits.Token());
    }

    [Theory]
    [InlineData("--http1.1")]
    [InlineData("--http2")]
    public async Task A_client_that_leaves_mid_download_ends_the_origins_request(string option)
    {
        await using var curl = _site.Start("curl", "-sS", "-N", option, "--limit-rate", "1M", $"https://origin.test/bytes/{1L << 40}?key=download{option}");
        await curl.Stdout.WaitForBytesAsync(100_000, Limits.Token());

        curl.Kill();

        await _site.Origin.Signals.WaitAsync($"aborted download{option}", Limits.Token());
    }

    [Theory]
    [InlineData("--http1.1", "length")]
    [InlineData("--http1.1", "chunked")]
    [InlineData("--http2", "length")]
    [InlineData("--http2", "chunked")]
    public async Task An_answer_that_breaks_off_is_an_error_to_the_tool(string option, string framing)
    {
        await using var curl = _site.Start("curl", "-sS", "-N", option, $"https://origin.test/abort/{framing}/{option}{framing}");
        await curl.Stdout.WaitForBytesAsync(BrokenEndpoints.BytesBeforeBreak, Limits.Token());

        _site.Origin.Signals.Raise($"break {option}{framing}");

        (await curl.WaitAsync(Limits.Token())).Failed();
    }
}
