using System.Text.RegularExpressions;
using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Ca;

/// <summary><c>fairlead-gateway ca</c> as an operator runs it: with no secret of the gateway, beside it or without it.</summary>
public sealed class CaVerbTests
{
    [Fact]
    public async Task Rotate_says_what_happens_when_and_show_says_it_again()
    {
        await using var site = await Site.StartAsync();
        var first = await RunAsync(site, 0, "show");

        var rotated = await RunAsync(site, 0, "rotate", "--after", "7d");
        var again = await RunAsync(site, 75, "rotate");
        var shown = await RunAsync(site, 0, "show");
        var pem = await RunAsync(site, 0, "show", "--pem");
        var fingerprint = (await site.RunAsync("openssl", "x509", "-in", site.Folder.File("state/ca/ca.pem"), "-noout", "-fingerprint", "-sha256")).Succeeded().Stdout.Trim().Split('=')[1];

        Assert.Matches(new Regex(@"\Aactive    CN=Fairlead CA \w{8}, O=Fairlead\n {10}signs leaves; its certificate is made anew on .* with the same key\n {10}valid .* to .*\n {10}for all names\n {10}sha256 [0-9A-F:]{95}\n\z"), first.Stdout);
        Assert.Matches(new Regex(@"\Aactive .*\n {10}signs leaves until \d{4}-.*Z\n(.*\n){3}next .*\n {10}signs leaves from \d{4}-.*Z on\n(.*\n){3}\z"), rotated.Stdout);
        Assert.Contains(fingerprint, rotated.Stdout, StringComparison.Ordinal);
        Assert.Contains("a rotation is under way already, and nothing was changed", again.Stderr, StringComparison.Ordinal);
        Assert.Equal((rotated.Stdout, rotated.Stdout), (again.Stdout, shown.Stdout));
        await CaEndpoint.WaitForAsync(site.Gateway, blocks => string.Concat(blocks.Select(b => b + "-----END CERTIFICATE-----\n")) == pem.Stdout);
    }

    [Theory]
    [InlineData("{ directory: none }", "show", 78, "has no CA yet; the gateway makes it at its first start")]
    [InlineData("{ directory: none }", "rotate", 78, "has no CA yet; the gateway makes it at its first start")]
    [InlineData("{ directory: none }", "rotate --after 1w", 1, "--after: expected a time up to 90d, such as 90s, 30m, 24h or 7d, got '1w'")]
    [InlineData("{ directory: none }", "rotate --after 91d", 1, "--after: expected a time up to 90d")]
    [InlineData("{ directory: none, per_session: true }", "rotate", 78, "there is nothing to rotate")]
    [InlineData("{ directory: none, per_session: true }", "show", 0, "one CA per session")]
    [InlineData("{ certificate: x.pem, signer: { exec: [x] } }", "rotate", 78, "name it in the configuration as ca.next: { certificate, signer, leaves_from }")]
    [InlineData("{ directory: broken }", "rotate", 78, "expected mode 0600 on ")]
    [InlineData("{ directory: none }", "help", 0, "+2 x after    the old root is no longer served")]
    public async Task What_cannot_be_done_is_told(string ca, string arguments, int exitCode, string said)
    {
        using var folder = new TempFolder();
        folder.Write("fairlead.yaml", $$"""
            version: 1
            listen: http://127.0.0.1:0
            ca: {{ca}}
            policies: { default: { rules: [] } }
            sessions: [{ id: demo, token: { from: file, path: not-there }, policy: default }]
            audit: { file: audit.jsonl }
            """);
        folder.Folder("broken");
        folder.Write("broken/ca.key", "open to everybody");
        File.SetUnixFileMode(folder.File("broken/ca.key"), (UnixFileMode)0b110_100_100);
        folder.Write("broken/ca.pem", "");

        await using var program = RunningProgram.Start(Repository.Gateway, ["ca", .. arguments.Split(' ')], ToolEnvironment.ForProduct(folder.Folder("home")), folder.Path);
        var result = await program.WaitAsync(Limits.Token());

        Assert.Contains(said, result.Stdout + result.Stderr, StringComparison.Ordinal);
        Assert.Equal(exitCode, result.ExitCode);
    }

    private static async Task<ToolResult> RunAsync(Site site, int exitCode, params string[] arguments)
    {
        await using var program = RunningProgram.Start(Repository.Gateway, ["ca", .. arguments], ToolEnvironment.ForProduct(site.Folder.Folder("operator")), site.Folder.Path);
        var result = await program.WaitAsync(Limits.Token());
        Assert.True(result.ExitCode == exitCode, result.ToString());
        return result;
    }
}
