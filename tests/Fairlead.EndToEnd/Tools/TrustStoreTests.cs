using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Tools;

/// <summary>Stores that only an option touches, with the programs that keep them.</summary>
public sealed class TrustStoreTests(SharedSite shared)
{
    [Fact]
    public async Task The_browsers_database_holds_the_CA_while_the_command_runs()
    {
        var environment = shared.Site.RunEnvironment();
        var list = $"certutil -L -d sql:{environment["HOME"]}/.pki/nssdb";

        var inside = await RunCommand.RunAsync(shared.Site, environment, "--browser-trust", "--", "sh", "-c", list);
        await using var after = RunningProgram.Start("sh", ["-c", list], environment, shared.Site.Folder.Path);

        Assert.Matches(@"fairlead relay-\d+-\w+ 1 +C,,", inside.Succeeded().Stdout);
        Assert.DoesNotContain("fairlead", (await after.WaitAsync(Limits.Token())).Succeeded().Stdout, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_systems_store_holds_the_CA_while_the_command_runs()
    {
        if (Environment.UserName != "root") Assert.Skip("the system's store takes root");
        // The store of a mount namespace of this test's own: the machine's is left alone.
        var site = shared.Site;
        var copy = site.Folder.Folder("etc-ssl");
        var anchors = site.Folder.Folder("anchors");
        var environment = site.RunEnvironment();
        var program = $"""
            cp -a /etc/ssl/. {copy} && mount --bind {copy} /etc/ssl && mount --bind {anchors} /usr/local/share/ca-certificates || exit 99
            {Repository.Relay} run --system-trust -- sh -c 'ls {anchors}; env -u SSL_CERT_FILE -u CURL_CA_BUNDLE curl -sS https://origin.test/echo/system'
            ls {anchors} | wc -l
            """;
        await using var namespaced = RunningProgram.Start("unshare", ["--mount", "sh", "-c", program], environment, site.Folder.Path);

        var result = await namespaced.WaitAsync(Limits.Token());

        if (result.ExitCode == 99 || result.Stderr.Contains("unshare", StringComparison.Ordinal)) Assert.Skip("no mount namespaces here");
        Assert.Matches(@"^fairlead-relay-\d+-1\.crt\n\{.*""/echo/system"".*\}\s*0\n$", result.Succeeded().Stdout.ReplaceLineEndings("\n"));
    }
}
