using Fairlead.Wire;

namespace Fairlead.Relay.Tunnel;

/// <summary>
/// A WebSocket to the gateway on which no tunnel is. It is always being read, so that its end is noticed; the first that comes after the CONNECT is the answer.
/// </summary>
internal sealed class ReadyWebSocket : IAsyncDisposable
{
    private static readonly TimeSpan CloseLimit = TimeSpan.FromSeconds(1);

    // Without a timer it holds nothing; whoever gives this up need not know whether it has ended.
    private readonly CancellationTokenSource _reading = new();
    private readonly TimeProvider _time;
    private readonly Task<Chunk?> _first;

    /// <param name="stream">It becomes this one's.</param>
    /// <param name="time">The clock of the limits.</param>
    public ReadyWebSocket(TunnelStream stream, TimeProvider time)
    {
        (Stream, _time) = (stream, time);
        _first = stream.ReadChunkAsync(_reading.Token).AsTask();
    }

    /// <summary>The stream of the tunnel that is to come.</summary>
    public TunnelStream Stream { get; }

    /// <summary>Ends when the WebSocket is of no use any more: the gateway closed it, it broke, or something came that nobody asked for. It never fails.</summary>
    public Task Over => Task.WhenAny(_first);

    public bool IsOver => _first.IsCompleted;

    /// <summary>
    /// Asks for a tunnel. Nothing but the CONNECT, and a ClientHello behind it, is sent before the answer. A gateway does nothing for a CONNECT alone but answer it, and a ClientHello asks for
    /// nothing, so where none came it is safe to ask again elsewhere: no byte of the tool's is lost, and none that counts is there twice.
    /// </summary>
    /// <param name="sendConnect">Sends the CONNECT.</param>
    /// <param name="patience">How long an answer may take.</param>
    /// <param name="stopping">The relay stops.</param>
    /// <returns>The first chunk of the answer, valid until the next is read; null when none came, and this WebSocket is of no use.</returns>
    /// <exception cref="OperationCanceledException">The relay stops.</exception>
    public async Task<Chunk?> AskAsync(Func<TunnelStream, CancellationToken, Task> sendConnect, TimeSpan patience, CancellationToken stopping)
    {
        using var limit = new CancellationTokenSource(patience, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, stopping);
        await using var _ = either.Token.Register(_reading.Cancel);
        try
        {
            await sendConnect(Stream, either.Token);
            return await _first;
        }
        catch (Exception e) when (e is IOException || (e is OperationCanceledException && !stopping.IsCancellationRequested))
        {
            return null;
        }
    }

    /// <summary>Says that it is of no use any more.</summary>
    public void GiveUp() => _reading.Cancel();

    /// <summary>Closes it: the gateway is told, and not waited for, since nothing was under way.</summary>
    public async Task CloseAsync()
    {
        using var limit = new CancellationTokenSource(CloseLimit, _time);
        try
        {
            await Stream.CloseAsync(CloseCode.Normal, "", limit.Token);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // It is gone already, or takes nothing.
        }

        await DisposeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _reading.CancelAsync();
        await Stream.DisposeAsync();
        await Over;
    }
}
