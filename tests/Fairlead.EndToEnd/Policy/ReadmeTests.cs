using System.Text.RegularExpressions;
using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Policy;

/// <summary>The commands that the README shows, run as they stand there.</summary>
public sealed partial class ReadmeTests
{
    [Fact]
    public async Task What_the_README_shows_of_the_policy_commands_is_what_they_say()
    {
        var page = await File.ReadAllTextAsync(Path.Combine(Repository.Root, "README.md"), Limits.Token());
        var samples = Path.Combine(Repository.Root, "samples", "decide");
        using var folder = new TempFolder();
        Assert.Equal(Yaml().Match(page).Groups[1].Value, await File.ReadAllTextAsync(Path.Combine(samples, "fairlead.yaml"), Limits.Token()));

        var shown = Command().Matches(page).Select(m => (Arguments: m.Groups[1].Value, Output: m.Groups[2].Value)).ToArray();

        Assert.Equal(["check", "explain", "explain", "test", "replay", "learn"], shown.Select(s => s.Arguments.Split(' ')[1]));
        foreach (var (arguments, output) in shown)
        {
            await using var program = RunningProgram.Start(Repository.Gateway, arguments.Split(' '), ToolEnvironment.ForProduct(folder.Folder("home")), samples);
            Assert.Equal(output, (await program.WaitAsync(Limits.Token())).Stdout);
        }
    }

    [GeneratedRegex("```yaml\n(version: 1\n.*?)```", RegexOptions.Singleline)]
    private static partial Regex Yaml();

    [GeneratedRegex(@"\$ fairlead-gateway (policy .+)\n((?:(?!\$ |```).*\n)+)")]
    private static partial Regex Command();
}
