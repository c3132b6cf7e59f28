namespace Fairlead.EndToEnd.Harness;

/// <summary><c>fairlead run</c> with an environment of its own.</summary>
internal static class RunCommand
{
    public static async Task<ToolResult> RunAsync(Site site, Dictionary<string, string> environment, params string[] arguments)
    {
        await using var program = Start(site, environment, arguments);
        program.Stdin.Close();
        return await program.WaitAsync(Limits.Token());
    }

    public static RunningProgram Start(Site site, Dictionary<string, string> environment, params string[] arguments) =>
        RunningProgram.Start(Repository.Relay, ["run", .. arguments], environment, site.Folder.Path);

    /// <summary>What the command <c>env</c> printed.</summary>
    public static Dictionary<string, string> Variables(ToolResult result) => result.Succeeded().Stdout
        .Split('\n', StringSplitOptions.RemoveEmptyEntries)
        .Select(line => line.Split('=', 2))
        .ToDictionary(pair => pair[0], pair => pair[1]);
}
