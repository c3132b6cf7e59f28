using Fairlead.EndToEnd.Harness;
using Fairlead.EndToEnd.Origins;

namespace Fairlead.EndToEnd.Tools;

public sealed class PipTests(SharedSite shared)
{
    [Fact]
    public async Task Pip_installs_a_wheel()
    {
        var site = shared.Site;
        var target = site.Folder.Folder("site-packages");

        var result = await site.RunAsync(
            "python3", "-m", "pip", "install", "--disable-pip-version-check", "--no-cache-dir", "--index-url", "https://pypi.test/simple/",
            "--target", target, PythonIndex.Package);

        result.Succeeded();
        Assert.Equal("ANSWER = 42\n", await File.ReadAllTextAsync(Path.Combine(target, "fairlead_sample.py"), Limits.Token()));
    }
}
