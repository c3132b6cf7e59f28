using Fairlead.Gateway.Files;

namespace Fairlead.Tests.Gateway.Files;

public sealed class WholeFileTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Destroying_a_link_leaves_what_it_leads_to()
    {
        var victim = _folder.Write("victim", "keep me");
        File.CreateSymbolicLink(_folder["link"], victim);

        WholeFile.Destroy(_folder["link"]);

        Assert.Equal("keep me", File.ReadAllText(victim));
        Assert.False(Path.Exists(_folder["link"]));
    }
}
