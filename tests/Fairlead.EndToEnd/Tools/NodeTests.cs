using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Tools;

public sealed class NodeTests(SharedSite shared)
{
    [Fact]
    public async Task Node_https_gets_through_with_an_agent_that_connects()
    {
        var result = await shared.Site.RunAsync("node", Repository.Script("https-agent.mjs"), "https://origin.test/echo/node");

        Assert.Equal("/echo/node", (string?)result.Json["target"]);
    }
}
