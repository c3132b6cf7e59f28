using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Tools;

/// <summary>Whatever Node.js is here: one that knows HTTPS_PROXY by itself, or one that is helped.</summary>
public sealed class NodeTests(SharedSite shared)
{
    [Theory]
    [InlineData("fetch")]
    [InlineData("post")]
    [InlineData("https")]
    [InlineData("agent")]
    public async Task Node_gets_through_without_a_word_of_a_proxy(string how)
    {
        var result = await shared.Site.RunAsync("node", Repository.Script("node-client.mjs"), how, $"https://origin.test/echo/node-{how}");

        Assert.Equal($"/echo/node-{how}", (string?)result.Json["target"]);
    }

    [Fact]
    public async Task Hosts_of_NO_PROXY_are_reached_directly()
    {
        // Nothing answers there; what matters is who was asked.
        const string Script = "fetch('https://127.0.0.1:2/').catch(e => console.log(e.cause.port)); require('https').get('https://127.0.0.1:2/').on('error', e => console.log(e.port))";

        var result = await shared.Site.RunAsync("node", "-e", Script);

        Assert.Equal("2\n2\n", result.Succeeded().Stdout);
    }

    [Fact]
    public async Task The_users_own_options_are_kept()
    {
        var environment = shared.Site.RunEnvironment();
        environment["NODE_OPTIONS"] = "--title=mine";

        var result = await RunCommand.RunAsync(shared.Site, environment, "--", "node", "-e", "console.log(process.title); fetch('https://origin.test/echo/kept').then(a => console.log(a.status))");

        Assert.Equal("mine\n200\n", result.Succeeded().Stdout);
    }

    [Fact]
    public async Task Node_starts_when_the_relay_has_ended()
    {
        var environment = shared.Site.RunEnvironment();
        var left = RunCommand.Variables(await RunCommand.RunAsync(shared.Site, environment, "--", "env"));

        await using var node = RunningProgram.Start("node", ["-e", "console.log(1 + 1)"], left, shared.Site.Folder.Path);

        Assert.Equal("2\n", (await node.WaitAsync(Limits.Token())).Succeeded().Stdout);
    }
}
