using Fairlead.Relay.Startup;
using Fairlead.Wire;

namespace Fairlead.Relay;

/// <summary>`fairlead run`: a relay for one command.</summary>
/// <param name="environment">The relay's own environment, as it was at the start.</param>
/// <param name="log">Takes lines for the operator.</param>
internal sealed class RunVerb(IReadOnlyDictionary<string, string> environment, RelayLog log)
{
    /// <summary>Runs the command, with the proxy where it can be had.</summary>
    /// <param name="options">What the relay is to do.</param>
    /// <param name="command">The command and its arguments.</param>
    /// <param name="cancellationToken">Gives the start-up up.</param>
    /// <returns>The command's exit code, or one of <see cref="ExitCodes"/>.</returns>
    public async Task<int> RunAsync(RelayOptions options, IReadOnlyList<string> command, CancellationToken cancellationToken)
    {
        // Before anything else: a mistyped command must not cost the session its token.
        if (Find(command, out var exitCode) is not { } program) return exitCode;
        StartupOutcome outcome;
        int? stopped;
        using (var signals = new StartSignals(cancellationToken))
        {
            try
            {
                outcome = await new RelayStartup(environment, log, TimeProvider.System).StartAsync(options, signals.Token);
                stopped = signals.ExitCode;
            }
            catch (OperationCanceledException) when (signals.ExitCode is not null)
            {
                return signals.ExitCode.Value;
            }
        }

        // Told to end while it started, however the start ended.
        if (stopped is { } code)
        {
            if (outcome is StartupOutcome.Started unused) await unused.Relay.DisposeAsync();
            return code;
        }

        switch (outcome)
        {
            case StartupOutcome.Off off:
                log.Notice($"proxy off: {off.Gate}");
                if (options.FailsClosed) return ExitCodes.FailedClosed;
                return await ChildCommand.RunAsync(program, command.Skip(1).ToArray(), environment, companion: null, log);

            case StartupOutcome.Failed failed when options.FailsClosed:
                log.Warning(failed.Describe("Nothing is started (--fail closed)."));
                return ExitCodes.FailedClosed;

            case StartupOutcome.Failed failed:
                var kept = TokenFile.Destroy(options.TokenFile);
                log.Warning(failed.Describe(kept is null ? "The proxy is off for this run." : $"The proxy is off for this run, and {kept}: the command can read it."));
                return await ChildCommand.RunAsync(program, command.Skip(1).ToArray(), environment, companion: null, log);

            case StartupOutcome.Started started:
                await using (started.Relay)
                    return await ChildCommand.RunAsync(program, command.Skip(1).ToArray(), With(started.Relay, removed: []), companion: null, log);

            default:
                throw new InvalidOperationException("a start-up ends in one of three ways");
        }
    }

    /// <summary>Runs the command behind a gateway of its own. Whatever fails, the command is not started: its secrets are still in the environment.</summary>
    /// <param name="options">What the relay is to do; gateway, session and token come from the local gateway.</param>
    /// <param name="configuration">The gateway's configuration file.</param>
    /// <param name="session">The session to be, or null for the configuration's only one.</param>
    /// <param name="command">The command and its arguments.</param>
    /// <param name="cancellationToken">Gives the start-up up.</param>
    public async Task<int> RunLocallyAsync(
        RelayOptions options, string configuration, string? session, IReadOnlyList<string> command, CancellationToken cancellationToken)
    {
        if (Find(command, out var exitCode) is not { } program) return exitCode;
        DirectoryInfo directory;
        try
        {
            directory = Directory.CreateTempSubdirectory("fairlead-"); // mode 0700
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            log.Error($"no temporary directory can be made: {e.Message}. Nothing is started. Let TMPDIR name a directory that this user can write to.");
            return ExitCodes.FailedClosed;
        }

        using var signals = new StartSignals(cancellationToken);
        try
        {
            OpenSsl.Require();
            using var token = SessionToken.CreateRandom();
            await using var gateway = await LocalGateway.StartAsync(configuration, session, token, environment, signals.Token);
            var local = options with
            {
                Gateway = gateway.Ready.Url,
                GatewayCa = null,
                SessionId = gateway.Ready.Session,
                CaBundle = Path.Combine(directory.FullName, "ca-bundle.crt"),
                StateDirectory = directory.FullName,
            };
            switch (await new RelayStartup(environment, log, TimeProvider.System).StartWithTokenAsync(local, token, signals.Token))
            {
                case StartupOutcome.Started started:
                    await using (started.Relay)
                        return signals.ExitCode ?? await ChildCommand.RunAsync(program, command.Skip(1).ToArray(), With(started.Relay, gateway.Ready.RemoveEnvironment ?? []), gateway.ProcessId, log);
                case StartupOutcome.Failed failed:
                    log.Error(failed.Describe("Nothing is started."));
                    return ExitCodes.FailedClosed;
                default:
                    throw new InvalidOperationException("a start-up with a token has no gates");
            }
        }
        catch (OperationCanceledException) when (signals.ExitCode is not null)
        {
            return signals.ExitCode.Value;
        }
        catch (StepException e)
        {
            log.Error($"{e.Cause}. Nothing is started. {e.Remedy}");
            return ExitCodes.FailedClosed;
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    private string? Find(IReadOnlyList<string> command, out int exitCode)
    {
        var found = CommandLookup.Find(command[0], environment.GetValueOrDefault("PATH"), out var isForbidden);
        exitCode = isForbidden ? ExitCodes.NotExecutable : ExitCodes.CommandNotFound;
        if (found is null) log.Notice($"{(isForbidden ? "not executable" : "command not found")}: {HostPort.Printable(command[0])}");
        return found;
    }

    private Dictionary<string, string> With(RunningRelay relay, IReadOnlyList<string> removed)
    {
        var result = new Dictionary<string, string>(environment);
        foreach (var name in removed) result.Remove(name);
        foreach (var (name, value) in relay.Environment) result[name] = value;
        return result;
    }
}
