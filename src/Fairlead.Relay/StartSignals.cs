using System.Runtime.InteropServices;

namespace Fairlead.Relay;

/// <summary>
/// Ends a start that a signal interrupts. Process 1 of a container is not ended by a signal that it does not handle, so without this `docker stop` would wait
/// in vain while the gateway is asked for its CA.
/// </summary>
internal sealed class StartSignals : IDisposable
{
    private readonly CancellationTokenSource _stop;
    private readonly PosixSignalRegistration[] _registrations;
    private int _number;

    /// <summary>From now on the signals cancel; no process may be started that should get them.</summary>
    public StartSignals(CancellationToken cancellationToken)
    {
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _registrations = [Take(PosixSignal.SIGTERM, 15), Take(PosixSignal.SIGINT, 2), Take(PosixSignal.SIGHUP, 1), Take(PosixSignal.SIGQUIT, 3)];
    }

    public CancellationToken Token => _stop.Token;

    /// <summary>128 and the number of the signal that came, as a shell has it; null when none did.</summary>
    public int? ExitCode => _number == 0 ? null : 128 + _number;

    public void Dispose()
    {
        foreach (var registration in _registrations) registration.Dispose();
        _stop.Dispose();
    }

    private PosixSignalRegistration Take(PosixSignal signal, int number) => PosixSignalRegistration.Create(signal, context =>
    {
        context.Cancel = true;
        _number = number;
        _stop.Cancel();
    });
}
