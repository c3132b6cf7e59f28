using System.Text;
using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Relay;

/// <summary><c>fairlead relay</c>, beside the tools that use it.</summary>
public sealed class RelayVerbTests
{
    [Fact]
    public async Task A_relay_that_is_stopped_lets_open_tunnels_end_and_takes_its_file_away()
    {
        await using var site = await Site.StartAsync();
        var signals = site.Origin.Signals;
        await using var curl = site.Start("curl", "-sS", "-N", "https://origin.test/sse/drain");
        await curl.Stdout.WaitForAsync("data: event 1\n\n", Limits.Token());

        site.Relay.Program.Terminate();
        await WaitUntilRefusedAsync(site);
        signals.Raise("event drain 2");
        signals.Raise("event drain 3");

        Assert.EndsWith("data: event 3\n\n", (await curl.WaitAsync(Limits.Token())).Succeeded().Stdout, StringComparison.Ordinal);
        Assert.Equal(0, (await site.Relay.Program.WaitAsync(Limits.Token())).ExitCode);
        Assert.False(File.Exists(Path.Combine(site.Relay.Settings["HOME"], "tools.env")));
    }

    [Fact]
    public async Task A_relay_keeps_its_token_out_of_reach()
    {
        await using var site = await Site.StartAsync();
        var process = $"/proc/{site.Relay.Program.Id}";

        Assert.False(File.Exists(site.Relay.Settings["FAIRLEAD_TOKEN_FILE"]));
        Assert.DoesNotContain(TestSecrets.Token, await File.ReadAllTextAsync($"{process}/cmdline", Limits.Token()), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_relay_holds_its_token_once_and_no_buffer_keeps_what_was_sent_of_it()
    {
        if (Environment.UserName != "root") Assert.Skip("root alone can read the memory of a relay");
        await using var site = await Site.StartAsync();
        for (var i = 0; i < 5; i++) (await site.RunAsync("curl", "-sS", "https://origin.test/echo/buffers")).Succeeded();

        var basic = Convert.ToBase64String(Encoding.ASCII.GetBytes($"demo:{TestSecrets.Token}"));
        Assert.Equal(0, ProcessMemory.Count(site.Relay.Program, Encoding.ASCII.GetBytes(basic)));
        Assert.Equal(1, ProcessMemory.Count(site.Relay.Program, Encoding.ASCII.GetBytes(TestSecrets.Token)));
        Assert.Equal(0, ProcessMemory.Count(site.Relay.Program, Encoding.Unicode.GetBytes(TestSecrets.Token)));
    }

    private static async Task WaitUntilRefusedAsync(Site site)
    {
        while ((await site.RunAsync("curl", "-sS", "https://origin.test/echo/refused")).ExitCode == 0) await Task.Delay(Limits.Poll, Limits.Token());
    }
}
