using System.Text.RegularExpressions;
using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.AuditTrail;

/// <summary>What docs/audit.md shows: configurations load, and commands run.</summary>
public sealed partial class AuditPageTests
{
    [Fact]
    public async Task What_the_page_shows_loads_and_runs()
    {
        var page = await File.ReadAllTextAsync(Path.Combine(Repository.Root, "docs", "audit.md"), Limits.Token());
        await using var site = await Site.StartAsync();
        await site.RunAsync("curl", "-sS", "https://origin.test/echo/page");
        await site.Audit.RequestAsync("/echo/page", Limits.Token());
        var usual = await File.ReadAllTextAsync(site.Folder.File("fairlead.yaml"), Limits.Token());
        foreach (var file in (string[])["otel.authorization", "database.password"]) site.Folder.Write(file, "FAKE");
        foreach (var file in (string[])["otel-ca.pem", "database-ca.pem"]) site.Folder.Write(file, site.Origin.Certificates.RootPem);

        var shown = Yaml().Matches(page).Select(m => m.Groups[1].Value).ToArray();
        Assert.True(shown.Length >= 3, $"{shown.Length} configurations");
        foreach (var part in shown)
        {
            var section = part[..part.IndexOf(':', StringComparison.Ordinal)];
            var whole = Regex.Replace(usual, $@"^{section}:.*\n(?:[ ].*\n)*", part, RegexOptions.Multiline);
            Assert.NotEqual(usual, whole);
            site.Folder.Write("shown.yaml", whole);
            var check = await site.AskGatewayAsync("", "policy", "check", "shown.yaml");
            Assert.True(check.ExitCode is 0 or 1, $"{part}\n{check}");
        }

        await site.Gateway.StopAsync(Limits.Token());
        var commands = Command().Matches(page).Select(m => m.Groups[1].Value).ToArray();
        Assert.True(commands.Length >= 4, $"{commands.Length} commands");
        foreach (var command in commands)
        {
            var arguments = command.Split('>')[0].Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(a => a.StartsWith("audit.jsonl", StringComparison.Ordinal) ? "state/" + a : a.Trim('\'')).ToArray();
            var result = await site.AskGatewayAsync("", arguments);
            Assert.True(result is { ExitCode: 0 or 1, Stderr: "" }, $"{command}\n{result}");
        }
    }

    [GeneratedRegex(@"^```yaml\n(.*?)^```", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex Yaml();

    [GeneratedRegex(@"^    fairlead-gateway (audit .*)$", RegexOptions.Multiline)]
    private static partial Regex Command();
}
