using System.Runtime.InteropServices;

namespace Fairlead.Relay;

/// <summary>
/// Buries the children that nobody here started. As PID 1 of a container every orphan becomes ours when its parent ends, and it stays a zombie, with its
/// entry in the process table, until somebody waits for it. Those that .NET started are left to .NET, which would lose their exit code.
/// </summary>
internal sealed class OrphanReaper : IDisposable
{
    // .NET reaps its own within moments; while one of them is first in the line, those behind it are not seen.
    private static readonly TimeSpan AnotherLook = TimeSpan.FromMilliseconds(200);

    private readonly IReadOnlyCollection<int> _own;
    private readonly Lock _lock = new();
    private readonly PosixSignalRegistration _registration;
    private readonly Timer _again;
    private bool _isOver;

    /// <summary>Begins, with those that are zombies already.</summary>
    /// <param name="own">Every process that .NET has started and not yet waited for. Until this is disposed no other may be started.</param>
    public OrphanReaper(params IReadOnlyCollection<int> own)
    {
        _own = own;
        _again = new Timer(_ => Reap());
        _registration = PosixSignalRegistration.Create(PosixSignal.SIGCHLD, _ => Reap());
        Reap();
    }

    public void Dispose()
    {
        _registration.Dispose();
        lock (_lock) _isOver = true;
        _again.Dispose();
    }

    private void Reap()
    {
        lock (_lock)
        {
            while (!_isOver && DeadChildren.First() is > 0 and var child)
            {
                if (_own.Contains(child))
                {
                    _again.Change(AnotherLook, Timeout.InfiniteTimeSpan);
                    return;
                }

                DeadChildren.Bury(child);
            }
        }
    }
}
