using System.Runtime.InteropServices;
using Fairlead.Relay.Startup;
using Fairlead.Wire;

namespace Fairlead.Relay;

/// <summary>`fairlead relay`: a relay by itself, beside the tools that use it, until a signal ends it.</summary>
/// <param name="environment">The relay's own environment, as it was at the start.</param>
/// <param name="log">Takes lines for the operator.</param>
internal sealed class RelayVerb(IReadOnlyDictionary<string, string> environment, RelayLog log)
{
    // It names a port and no secret, and whoever waits for it may be another user.
    private const UnixFileMode ForAll = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    private readonly ServiceManager _manager = new(environment);

    /// <summary>Runs the relay until SIGTERM or SIGINT, then lets open tunnels end for a while.</summary>
    /// <param name="options">What the relay is to do.</param>
    /// <param name="environmentFile">A second file for the variables, or null.</param>
    /// <param name="readyFile">A file that is there while the relay listens, or null.</param>
    /// <param name="drain">How long open tunnels may last after the signal.</param>
    /// <param name="cancellationToken">Ends the relay like a signal.</param>
    public async Task<int> RunAsync(RelayOptions options, string? environmentFile, string? readyFile, TimeSpan drain, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using var hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, Stop);
        using var quit = PosixSignalRegistration.Create(PosixSignal.SIGQUIT, Stop);
        void Stop(PosixSignalContext context)
        {
            context.Cancel = true;
            stop.Cancel();
        }

        // No command follows that would miss the limit.
        if (OperatingSystem.IsLinux()) _ = CoreFiles.ForbidForGood();
        // One that was killed has left its own: nobody must take it for ours.
        if (readyFile is not null) RemoveStale(readyFile);
        try
        {
            switch (await new RelayStartup(environment, log, TimeProvider.System).StartAsync(options, stop.Token))
            {
                case StartupOutcome.Off off:
                    log.Notice($"proxy off: {off.Gate}");
                    return options.FailsClosed ? ExitCodes.FailedClosed : ExitCodes.Success;
                case StartupOutcome.Failed failed:
                    log.Warning(failed.Describe("The relay does not run; the token file is as it was."));
                    return options.FailsClosed ? ExitCodes.FailedClosed : ExitCodes.Failure;
                case StartupOutcome.Started started:
                    await using (started.Relay)
                        return await ServeAsync(started.Relay, options, environmentFile, readyFile, drain, stop.Token);
                default:
                    throw new InvalidOperationException("a start-up ends in one of three ways");
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return ExitCodes.Success;
        }
    }

    private async Task<int> ServeAsync(
        RunningRelay relay, RelayOptions options, string? environmentFile, string? readyFile, TimeSpan drain, CancellationToken stopping)
    {
        var files = new Dictionary<string, string> { [StateFile.PathIn(options.StateDirectory)] = StateFile.Export(relay.Environment) };
        if (environmentFile is not null) files[environmentFile] = StateFile.Lines(relay.Environment);
        foreach (var (file, content) in files) Leave(file, content, "the environment for tools");
        // The last: who waits for it finds the others.
        var ready = $"127.0.0.1:{relay.Port}\n";
        if (readyFile is not null) Leave(readyFile, ready, "the sign of readiness", ForAll);
        _manager.Ready(relay.Port);

        log.Notice($"the relay listens on 127.0.0.1:{relay.Port}; `eval \"$(fairlead env)\"` makes a shell use it");
        SpareMemory.GiveBack();
        await WaitAsync(stopping);
        _manager.Stopping(drain);
        if (readyFile is not null) StateFile.Remove(readyFile, ready);
        foreach (var (file, content) in files) StateFile.Remove(file, content);
        await relay.DrainAsync(drain);
        return ExitCodes.Success;
    }

    private void RemoveStale(string readyFile)
    {
        try
        {
            File.Delete(readyFile);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            log.Warning($"{HostPort.Printable(readyFile)} is there before the relay is ready, and cannot be removed: {e.Message}");
        }
    }

    private void Leave(string file, string content, string what, UnixFileMode? mode = null)
    {
        try
        {
            if (mode is { } shared) StateFile.Write(file, content, shared);
            else StateFile.Write(file, content);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            log.Warning($"{what} could not be written to {HostPort.Printable(file)}: {e.Message}");
        }
    }

    private static async Task WaitAsync(CancellationToken stopping)
    {
        var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = stopping.Register(stopped.SetResult);
        await stopped.Task;
    }
}
