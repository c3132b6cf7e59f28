using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Streaming;

public sealed class ServerSentEventTests(SharedSite shared)
{
    [Theory]
    [InlineData("--http1.1")]
    [InlineData("--http2")]
    public async Task An_event_arrives_before_the_next_is_sent(string option)
    {
        var signals = shared.Site.Origin.Signals;
        await using var curl = shared.Site.Start("curl", "-sS", "-N", option, $"https://origin.test/sse/{option}");

        for (var number = 1; number <= 3; number++)
        {
            signals.Raise($"event {option} {number}");
            await curl.Stdout.WaitForAsync($"data: event {number}\n\n", Limits.Token());
        }

        (await curl.WaitAsync(Limits.Token())).Succeeded();
    }
}
