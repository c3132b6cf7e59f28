using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using Fairlead.Relay.Startup;

namespace Fairlead.Relay;

/// <summary>The command that `fairlead run` runs: it has our standard streams, gets the signals sent to us, and its exit code becomes ours.</summary>
internal static class ChildCommand
{
    private const int ExecFormatError = 8;

    // POSIX numbers signals where .NET knows no name; those two differ on no Linux we run on.
    private const int SignalUser1 = 10;
    private const int SignalUser2 = 12;

    private static readonly (PosixSignal Signal, int Number)[] Signals =
    [
        (PosixSignal.SIGTERM, 15), (PosixSignal.SIGHUP, 1), (PosixSignal.SIGINT, 2), (PosixSignal.SIGQUIT, 3),
        ((PosixSignal)SignalUser1, SignalUser1), ((PosixSignal)SignalUser2, SignalUser2),
    ];

    /// <summary>Runs the command to its end.</summary>
    /// <param name="program">The absolute path of the program.</param>
    /// <param name="arguments">Its arguments, without its name.</param>
    /// <param name="environment">Its whole environment.</param>
    /// <param name="companion">Another process of ours that may end meanwhile and is waited for elsewhere, or null.</param>
    /// <param name="log">Takes the reason when it cannot be executed.</param>
    /// <returns>Its exit code; 128 and the signal's number when a signal ended it; 126 when it cannot be executed.</returns>
    public static async Task<int> RunAsync(string program, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string> environment, int? companion, RelayLog log)
    {
        using var child = new Process();
        var forwarder = new SignalForwarder(child);
        var registrations = Signals.Select(signal => PosixSignalRegistration.Create(signal.Signal, forwarder.Take(signal.Number))).ToArray();
        try
        {
            Start(child, program, arguments, environment);

            using var reaper = new OrphanReaper(companion is { } other ? [child.Id, other] : [child.Id]);
            forwarder.ChildIsRunning();
            SpareMemory.GiveBack();
            await child.WaitForExitAsync();
            return child.ExitCode;
        }
        catch (Win32Exception e)
        {
            log.Error($"{program} cannot be executed: {e.Message}");
            return ExitCodes.NotExecutable;
        }
        finally
        {
            foreach (var registration in registrations) registration.Dispose();
        }
    }

    private static void Start(Process child, string program, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string> environment)
    {
        // .NET ignores SIGPIPE, and a child inherits that: `yes | head` would end with an error in place of a signal. No tool uses the relay yet.
        LibC.IgnoreBrokenPipe(false);
        CoreFiles.Restore();
        try
        {
            child.StartInfo = Describe(program, arguments, environment);
            child.Start();
        }
        catch (Win32Exception e) when (e.NativeErrorCode == ExecFormatError)
        {
            // execvp: a file without a magic number is a script of the shell.
            child.StartInfo = Describe("/bin/sh", [program, .. arguments], environment);
            child.Start();
        }
        finally
        {
            LibC.IgnoreBrokenPipe(true);
            _ = CoreFiles.ForbidForGood();
        }
    }

    private static ProcessStartInfo Describe(string program, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string> environment)
    {
        var start = new ProcessStartInfo(program, arguments) { UseShellExecute = false };
        start.Environment.Clear();
        foreach (var (name, value) in environment) start.Environment[name] = value;
        return start;
    }

    /// <summary>Passes signals on, and keeps those that come before there is a child.</summary>
    private sealed class SignalForwarder(Process child)
    {
        private readonly Lock _state = new();
        private readonly Queue<int> _early = new();
        private bool _isRunning;

        public Action<PosixSignalContext> Take(int number) => context =>
        {
            // The relay itself lives until the child has ended.
            context.Cancel = true;
            // A terminal has given these to the child already: it is in the same foreground group.
            if (context.Signal is PosixSignal.SIGINT or PosixSignal.SIGQUIT && !Console.IsInputRedirected) return;
            lock (_state)
            {
                if (_isRunning) Send(number);
                else _early.Enqueue(number);
            }
        };

        public void ChildIsRunning()
        {
            lock (_state)
            {
                _isRunning = true;
                while (_early.TryDequeue(out var number)) Send(number);
            }
        }

        private void Send(int number)
        {
            // A child that ended a moment ago needs no signal.
            if (!child.HasExited) _ = LibC.Kill(child.Id, number);
        }
    }
}
