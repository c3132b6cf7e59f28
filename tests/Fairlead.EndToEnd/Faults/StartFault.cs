using System.Globalization;
using System.Text.RegularExpressions;
using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Faults;

/// <summary>
/// What every fault of a start must come to: one warning that names step, cause and remedy; failing open the command with its environment untouched,
/// failing closed exit 78 and no command; and an end, always.
/// </summary>
internal static class StartFault
{
    private const int FailedClosed = 78;

    /// <param name="start">Starts <c>fairlead</c> with an environment and arguments.</param>
    /// <param name="environment">Makes a fresh environment with the fault in it.</param>
    /// <param name="step">The step that must fail.</param>
    /// <param name="cause">What the warning must say.</param>
    public static async Task CheckAsync(
        Func<Dictionary<string, string>, string[], RunningProgram> start, Func<Dictionary<string, string>> environment, int step, string cause)
    {
        await CheckOpenAsync(start, environment(), step, cause);
        await CheckClosedAsync(start, environment(), step, cause);
    }

    private static async Task CheckOpenAsync(
        Func<Dictionary<string, string>, string[], RunningProgram> start, Dictionary<string, string> environment, int step, string cause)
    {
        environment["FAIRLEAD_FAIL"] = "open";

        var result = await EndAsync(start(environment, ["run", "--", "env"]));

        var variables = RunCommand.Variables(result);
        // A shell between us and the relay sets these.
        foreach (var name in new[] { "HOME", "PWD", "OLDPWD", "SHLVL", "_" }) _ = (variables.Remove(name), environment.Remove(name));
        Assert.Equal(environment, variables);
        CheckWarning(result, step, cause, "The proxy is off for this run");
    }

    private static async Task CheckClosedAsync(
        Func<Dictionary<string, string>, string[], RunningProgram> start, Dictionary<string, string> environment, int step, string cause)
    {
        environment["FAIRLEAD_FAIL"] = "closed";

        var result = await EndAsync(start(environment, ["run", "--", "echo", "started"]));

        Assert.Equal((FailedClosed, ""), (result.ExitCode, result.Stdout));
        CheckWarning(result, step, cause, "Nothing is started");
    }

    private static void CheckWarning(ToolResult result, int step, string cause, string consequence)
    {
        var warning = Assert.Single(result.Stderr.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Matches(
            string.Create(CultureInfo.InvariantCulture, $@"^fairlead: warning: step {step} \([a-zA-Z ]+\) failed: .*{Regex.Escape(cause)}.*\. {consequence}.*\. [A-Z].*\.$"),
            warning);
    }

    private static async Task<ToolResult> EndAsync(RunningProgram program)
    {
        await using (program)
        {
            program.Stdin.Close();
            return await program.WaitAsync(Limits.Token());
        }
    }
}
