using System.Text.RegularExpressions;
using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Matrix;

/// <summary>One tool's job, from an empty home to what origin and audit saw.</summary>
internal static partial class ToolRun
{
    public static async Task CheckAsync(ToolSite site, MatrixTool tool)
    {
        var topology = await site.Topology;
        var environment = topology.ContainerEnvironment();
        var home = environment["HOME"];
        foreach (var (name, content) in tool.Files)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(home, name))!);
            await File.WriteAllTextAsync(Path.Combine(home, name), tool.Filled(content), Limits.Token());
        }

        foreach (var (name, value) in tool.Variables) environment[name] = tool.Filled(value);
        if (tool.Prepare is not null) await tool.Prepare(site, home);

        var result = await topology.RunAsync(environment, ["run", .. tool.RunOptions.Select(tool.Filled), "--", .. tool.Command.Select(tool.Filled)]);

        if (tool.Cannot is null) await AssertDoneAsync(topology, tool, home, result);
        else Assert.True(!ToolsPage.IsWanted || result.ExitCode != 0 || !IsDone(tool, home, result), $"{tool.Name} gets through: take the reason off its row\n{result}");
        if (tool.Instead is not null)
        {
            await File.WriteAllTextAsync(environment["FAIRLEAD_TOKEN_FILE"], TestSecrets.Token, Limits.Token());
            await AssertDoneAsync(topology, tool, home, await topology.RunAsync(environment, ["run", "--", "sh", "-c", tool.Filled(tool.Instead)]));
        }

        // Another version may do what the documented one cannot; the other way round is a fault.
        if (!ToolsPage.IsWanted) Assert.True(ToolsPage.Documented(tool) == ToolsPage.Result(tool), $"docs/tools.md has another result for {tool.Name}: run ./dev tools");
        site.Passed(tool, ToolsPage.IsWanted ? await VersionAsync(tool, environment) : "");
    }

    private static async Task AssertDoneAsync(Topology topology, MatrixTool tool, string home, ToolResult result)
    {
        result.Succeeded();
        Assert.True(IsDone(tool, home, result), $"expected '{tool.Prints}' {tool.Makes}\n{result}");
        var requests = topology.Origin.Requests.To(tool.Host);
        Assert.NotEmpty(requests);
        Assert.All(requests, request => Assert.Equal([TestSecrets.Tools], request.Values("X-Tools-Key")));
        Assert.DoesNotContain(TestSecrets.Tools, result.Stdout + result.Stderr, StringComparison.Ordinal);
        var records = await topology.Audit.WaitForAsync(
            1, record => AuditLog.Text(record, "type") == "request" && AuditLog.Text(record, "host") == tool.Host, Limits.Token());
        Assert.All(records, record => Assert.Equal("demo", AuditLog.Text(record, "session")));
    }

    private static bool IsDone(MatrixTool tool, string home, ToolResult result) =>
        result.Stdout.Contains(tool.Prints, StringComparison.Ordinal) && (tool.Makes is null || File.Exists(Path.Combine(home, tool.Makes)));

    private static async Task<string> VersionAsync(MatrixTool tool, Dictionary<string, string> environment)
    {
        await using var program = RunningProgram.Start("sh", ["-c", $"{tool.Version} 2>&1"], environment, environment["HOME"]);
        program.Stdin.Close();
        var result = await program.WaitAsync(Limits.Token());
        return VersionNumber().Match(result.Stdout) is { Success: true } match ? match.Value : throw new InvalidDataException($"expected a version\n{result}");
    }
    [GeneratedRegex(@"\d+(\.\d+)+[\w.+~-]*")]
    private static partial Regex VersionNumber();
}
