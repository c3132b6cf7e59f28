using Fairlead.EndToEnd.Harness;
using Fairlead.EndToEnd.Origins;

namespace Fairlead.EndToEnd.Tools;

public sealed class WgetTests(SharedSite shared)
{
    [Fact]
    public async Task Wget_downloads_a_file()
    {
        var result = await shared.Site.RunAsync("wget", "-nv", "-O", "-", "https://origin.test/bytes/1000000");

        Assert.Equal(TestPattern.Bytes(1_000_000), result.Succeeded().StdoutBytes);
    }

    [Fact]
    public async Task The_users_wgetrc_still_counts()
    {
        var environment = shared.Site.RunEnvironment();
        await File.WriteAllTextAsync(Path.Combine(environment["HOME"], ".wgetrc"), "user_agent = mine\nhttps_proxy = http://127.0.0.1:1/\n", Limits.Token());

        var result = await RunCommand.RunAsync(shared.Site, environment, "--", "sh", "-c", "stat -c %a $WGETRC >&2; exec wget -qO- https://origin.test/echo/wgetrc");

        Assert.Contains("mine", result.Json["headers"]!.ToJsonString(), StringComparison.Ordinal);
        Assert.Contains("600", result.Stderr, StringComparison.Ordinal);
    }
}
