using System.CommandLine;
using System.Text.Json;
using Fairlead.Relay.Status;

namespace Fairlead.Relay;

/// <summary>`fairlead status`: what the running relay says about itself.</summary>
internal static class StatusVerb
{
    private static readonly Option<bool> Json = new("--json") { Description = "As JSON, as GET /fairlead/status gives it." };

    /// <summary>The command for the parser.</summary>
    /// <param name="stateDirectory">The option that names the relay's state.</param>
    /// <param name="environment">The environment; inside `fairlead run` it names the relay.</param>
    /// <param name="output">Takes the status.</param>
    /// <param name="errors">Takes the reason when there is none.</param>
    public static Command Describe(Option<string?> stateDirectory, IReadOnlyDictionary<string, string> environment, TextWriter output, TextWriter errors)
    {
        var status = new Command("status", "Shows the running relay: its tunnels, what it counted, and the last refusals with their reasons.") { stateDirectory, Json };
        status.SetAction(async (parsed, cancellationToken) =>
        {
            var (found, problem) = await FindAsync(parsed.GetValue(stateDirectory), environment, cancellationToken);
            if (found is null) await errors.WriteLineAsync($"fairlead: {problem}");
            else if (parsed.GetValue(Json)) await output.WriteLineAsync(JsonSerializer.Serialize(found, SnapshotJson.Default.RelaySnapshot));
            else await output.WriteAsync(StatusText.Of(found));
            return found is null ? ExitCodes.Failure : ExitCodes.Success;
        });
        return status;
    }

    /// <summary>Finds the relay that this shell uses: the one that HTTPS_PROXY names, as inside `fairlead run`; else the one that left its state.</summary>
    /// <param name="stateDirectory">What --state-dir says; then only that relay is meant. Or null.</param>
    /// <param name="environment">The shell's environment.</param>
    /// <param name="cancellationToken">Ends the wait for its answer.</param>
    /// <returns>Its status, or why there is none and what helps, whole sentences.</returns>
    public static async Task<(RelaySnapshot? Status, string? Problem)> FindAsync(
        string? stateDirectory, IReadOnlyDictionary<string, string> environment, CancellationToken cancellationToken)
    {
        string? problem = null;
        if (stateDirectory is null && StatusClient.PortIn(environment) is { } port)
        {
            (var status, problem) = await StatusClient.AskAsync(port, cancellationToken);
            if (status is not null) return (status, null);
        }

        var (left, leftProblem) = StateFile.PortIn(RelayOptions.StateDirectoryFrom(stateDirectory, environment));
        if (left is null) return (null, problem is null ? leftProblem : $"HTTPS_PROXY is set, but {problem}.");
        var (found, why) = await StatusClient.AskAsync(left.Value, cancellationToken);
        return (found, found is null ? $"{why}. It was killed, perhaps: start `fairlead relay` again." : null);
    }
}
