using System.ComponentModel;
using System.Diagnostics;
using System.Text;
using Fairlead.Relay.Trust;
using Fairlead.Wire;

namespace Fairlead.Relay.Doctor;

/// <summary>
/// Runs each tool of the table that is installed, as its user would, against the host that only the gateway answers: no name server knows it, so whoever gets
/// an answer came through the relay, and trusts the CA.
/// </summary>
/// <param name="environment">What tools get.</param>
/// <param name="find">Finds a command on the PATH, or null.</param>
internal sealed class ToolProbes(IReadOnlyDictionary<string, string> environment, Func<string, string?> find)
{
    private const int AtOnce = 2;
    private const int MaxOutput = 64 * 1024;
    private static readonly TimeSpan ProbeLimit = TimeSpan.FromSeconds(20);

    /// <summary>Tries them all, two at a time, 20 s each at most.</summary>
    /// <param name="session">The session that must be in the answer.</param>
    /// <param name="conflicts">What may explain a failure.</param>
    /// <param name="cancellationToken">Ends what runs.</param>
    public async Task<IReadOnlyList<ToolCheck>> RunAsync(string session, IReadOnlyList<Conflict> conflicts, CancellationToken cancellationToken)
    {
        using var turns = new SemaphoreSlim(AtOnce);
        return await Task.WhenAll(Tools.All.Where(tool => tool.Probe is not null).Select(async tool =>
        {
            await turns.WaitAsync(cancellationToken);
            try
            {
                return await TryAsync(tool, tool.Probe!, session, [.. conflicts.Where(conflict => conflict.Tool == tool.Name)], cancellationToken);
            }
            finally
            {
                turns.Release();
            }
        }));
    }

    private async Task<ToolCheck> TryAsync(Tool tool, Probe probe, string session, Conflict[] conflicts, CancellationToken cancellationToken)
    {
        if (tool.Commands.Select(find).FirstOrDefault(found => found is not null) is not { } program)
            return new ToolCheck(tool.Name, null, null, CheckResult.Skipped, "not installed", null);

        var (_, said, _) = await RunAsync(program, tool.VersionArguments, "", cancellationToken);
        var version = said.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).FirstOrDefault(line => !line.StartsWith("Picked up ", StringComparison.Ordinal));
        version = version is null ? null : HostPort.Printable(version);

        var (exitCode, output, problem) = await ProbeAsync(program, probe, cancellationToken);
        var answer = SelfTest.Find(output);
        if (answer is not null && answer.Session != session)
            return new ToolCheck(tool.Name, version, null, CheckResult.Failed, $"went through another relay, of the session {answer.Session}", "Look at the proxy variables that this tool reads.");
        var hasAnswer = answer is not null || (probe.Shows is null ? exitCode == 0 : output.Contains(probe.Shows, StringComparison.Ordinal));
        if (hasAnswer && problem is null)
            return new ToolCheck(tool.Name, version, answer is null ? "through the relay" : $"through the relay, session {answer.Session}", CheckResult.Ok, null, null);

        var why = problem ?? LastLine(output) ?? $"ended with exit code {exitCode} and said nothing";
        var conflict = conflicts.FirstOrDefault();
        return conflict is null
            ? new ToolCheck(tool.Name, version, null, CheckResult.Failed, why, tool.Note.Length > 0 ? tool.Note : "Look at what docs/trust.md says of this tool.")
            : new ToolCheck(tool.Name, version, null, CheckResult.Failed, why, $"{conflict.Key} in {conflict.Place}: {conflict.Consequence} {conflict.Remedy}");
    }

    private async Task<(int ExitCode, string Output, string? Problem)> ProbeAsync(string program, Probe probe, CancellationToken cancellationToken)
    {
        if (!probe.Arguments.Contains(Probe.InputFile)) return await RunAsync(program, probe.Arguments, probe.Input, cancellationToken);
        var directory = Directory.CreateTempSubdirectory("fairlead-probe-"); // mode 0700
        try
        {
            var file = Path.Combine(directory.FullName, "input");
            await File.WriteAllTextAsync(file, probe.Input, cancellationToken);
            return await RunAsync(program, [.. probe.Arguments.Select(argument => argument == Probe.InputFile ? file : argument)], "", cancellationToken);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    private async Task<(int ExitCode, string Output, string? Problem)> RunAsync(string program, IReadOnlyList<string> arguments, string input, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(ProbeLimit);
        using var process = new Process { StartInfo = Describe(program, arguments) };
        try
        {
            process.Start();
        }
        catch (Win32Exception e)
        {
            return (-1, "", $"cannot be executed: {e.Message}");
        }

        try
        {
            var output = ReadAsync(process.StandardOutput.BaseStream, limit.Token);
            var errors = ReadAsync(process.StandardError.BaseStream, limit.Token);
            await FeedAsync(process, input);
            await process.WaitForExitAsync(limit.Token);
            return (process.ExitCode, await output + "\n" + await errors, null);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync(CancellationToken.None);
            cancellationToken.ThrowIfCancellationRequested();
            return (-1, "", $"did not end within {ProbeLimit.TotalSeconds} s");
        }
    }

    private ProcessStartInfo Describe(string program, IReadOnlyList<string> arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment.Clear();
        foreach (var (name, value) in environment) start.Environment[name] = value;
        // git would ask at the terminal for a password of a host that wants none.
        start.Environment["GIT_TERMINAL_PROMPT"] = "0";
        return start;
    }

    private static async Task FeedAsync(Process process, string input)
    {
        try
        {
            await process.StandardInput.WriteAsync(input);
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It reads nothing, or has ended; its exit code says how.
        }
    }

    private static async Task<string> ReadAsync(Stream stream, CancellationToken cancellationToken)
    {
        var bytes = new byte[MaxOutput];
        var length = await stream.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, cancellationToken);
        // What comes behind is not looked at, but a tool must not be stuck in writing it.
        if (length == bytes.Length) await stream.CopyToAsync(Stream.Null, cancellationToken);
        return Encoding.UTF8.GetString(bytes, 0, length);
    }

    private static string? LastLine(string output) =>
        output.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).LastOrDefault() is { } line ? HostPort.PrintableUpTo(line, 200) : null;
}
