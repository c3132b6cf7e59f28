using Fairlead.Gateway.Sessions;
using Fairlead.Wire;

namespace Fairlead.Gateway;

/// <summary>
/// Where WebSockets wait for a CONNECT: before their first tunnel, and between tunnels. A session has few places, and none lasts: not beyond the limit, not
/// beyond the session, and not beyond the gateway.
/// </summary>
/// <param name="time">The clock of the limit.</param>
internal sealed class Parking(TimeProvider time) : IDisposable
{
    /// <summary>WebSockets of one session, its children's included, that may wait at once: 64. What is beyond is told so by the upgrade's answer, which then does not know reuse.</summary>
    public const int MostOfSession = 64;

    /// <summary>How long a WebSocket may wait: 90 s. A relay lets it go earlier, so it meets this limit only when it lost count.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(90);

    private readonly CancellationTokenSource _closing = new();

    /// <summary>Takes a place of the session's, which <see cref="Leave"/> gives back.</summary>
    public bool TryEnter(SessionLease lease) => !_closing.IsCancellationRequested && lease.RootUsage.TryPark(MostOfSession);

    public static void Leave(SessionLease lease) => lease.RootUsage.Unpark();

    /// <summary>Waits for the first chunk of a CONNECT.</summary>
    /// <param name="stream">Where it comes from.</param>
    /// <param name="lease">Whose it is; when it ends, so does the wait.</param>
    /// <param name="clientLeft">The relay is gone.</param>
    /// <returns>Null when none is to be expected any more, and the WebSocket is to be closed.</returns>
    /// <exception cref="TunnelAbortedException">The connection broke.</exception>
    /// <exception cref="ProtocolException">What came is no chunk.</exception>
    public async Task<Chunk?> WaitAsync(TunnelStream stream, SessionLease lease, CancellationToken clientLeft)
    {
        using var limit = new CancellationTokenSource(Limit, time);
        using var any = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, lease.Revoked, _closing.Token, clientLeft);
        try
        {
            var first = await stream.ReadChunkAsync(any.Token);
            // It may have ended at the same moment.
            return any.IsCancellationRequested ? null : first;
        }
        catch (OperationCanceledException)
        {
            return null;
        }
    }

    /// <summary>Ends every wait, and lets no other begin: the gateway goes down.</summary>
    public void Close() => _closing.Cancel();

    public void Dispose() => _closing.Dispose();
}
