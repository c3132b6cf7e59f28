using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Tools;

public sealed class PythonTests(SharedSite shared)
{
    [Fact]
    public async Task Urllib_gets_through()
    {
        const string Script = "import sys, urllib.request; sys.stdout.write(urllib.request.urlopen('https://origin.test/echo/urllib').read().decode())";

        var result = await shared.Site.RunAsync("python3", "-c", Script);

        Assert.Equal("/echo/urllib", (string?)result.Json["target"]);
    }
}
