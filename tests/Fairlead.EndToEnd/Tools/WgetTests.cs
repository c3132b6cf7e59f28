using Fairlead.EndToEnd.Harness;
using Fairlead.EndToEnd.Origins;

namespace Fairlead.EndToEnd.Tools;

public sealed class WgetTests(SharedSite shared)
{
    [Fact]
    public async Task Wget_downloads_a_file()
    {
        // Debian's wget is built on GnuTLS, which knows no SSL_CERT_FILE.
        var bundle = shared.Site.Relay.Variables["SSL_CERT_FILE"];

        var result = await shared.Site.RunAsync("wget", "-nv", "--ca-certificate", bundle, "-O", "-", "https://origin.test/bytes/1000000");

        Assert.Equal(TestPattern.Bytes(1_000_000), result.Succeeded().StdoutBytes);
    }
}
