using System.Collections.Concurrent;
using Fairlead.Wire;

namespace Fairlead.Relay.Tunnel;

/// <summary>
/// WebSockets to the gateway on which no tunnel is, so that the next tunnel costs no connection, no handshake and no authentication of its own: those that were
/// kept after a tunnel that ended in order, and those that are opened ahead of demand. How many ahead follows what was asked for: one, and one more each time that
/// none was ready; one less each time that one was not wanted. Nothing is opened before the first tunnel, and nothing once nobody asks.
/// </summary>
/// <param name="dial">Opens a WebSocket.</param>
/// <param name="time">The clock of all limits.</param>
internal sealed class ReadyWebSockets(Func<CancellationToken, Task<TunnelStream>> dial, TimeProvider time) : IAsyncDisposable
{
    /// <summary>How long one is kept unused: 60 s, before gateways and what is on the way to them lose patience.</summary>
    public static readonly TimeSpan KeepTime = TimeSpan.FromSeconds(60);

    /// <summary>Most that are kept at once: 32, half of what a gateway lets a session have with its children.</summary>
    public const int MostReady = 32;

    /// <summary>Most that are opened ahead of demand: 8.</summary>
    public const int MostAhead = 8;

    private static readonly TimeSpan DialLimit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan AgreeLimit = TimeSpan.FromSeconds(5);

    private readonly Lock _lock = new();
    // The one used last is at the end, and used next: so those that are too many grow old.
    private readonly List<ReadyWebSocket> _ready = [];
    private readonly ConcurrentDictionary<ReadyWebSocket, Task> _watched = new();
    private readonly CancellationTokenSource _stop = new();
    private Task _refilling = Task.CompletedTask;
    private bool _isRefilling;
    private bool _mayRefill;
    private int _ahead;
    private int _opening;

    /// <summary>How many are ready now.</summary>
    public int Count
    {
        get
        {
            lock (_lock) return _ready.Count;
        }
    }

    /// <summary>A tunnel is asked for: takes what is ready.</summary>
    /// <returns>The caller's; null when nothing is ready, and one is to be opened between <see cref="BeginOpening"/> and <see cref="EndOpening"/>.</returns>
    public ReadyWebSocket? TryTake()
    {
        lock (_lock)
        {
            for (var i = _ready.Count - 1; i >= 0; i--)
            {
                // What is over is taken out by who watches it.
                if (_ready[i].IsOver) continue;
                var taken = _ready[i];
                _ready.RemoveAt(i);
                return taken;
            }

            _ahead = Math.Min(_ahead + 1, MostAhead);
            return null;
        }
    }

    /// <summary>One that was taken turned out to be dead, and so may the others be: a gateway that crashed, a way that is cut. They are closed.</summary>
    public void Distrust()
    {
        ReadyWebSocket[] ready;
        lock (_lock) ready = [.. _ready];
        foreach (var socket in ready) socket.GiveUp();
    }

    /// <summary>A WebSocket is being opened for a tunnel: nothing is opened ahead meanwhile.</summary>
    public void BeginOpening()
    {
        lock (_lock) _opening++;
    }

    /// <summary>The same has ended.</summary>
    /// <param name="opened">Null when it failed: then nothing is opened ahead until one that was asked for opens again.</param>
    public void EndOpening(TunnelStream? opened)
    {
        lock (_lock)
        {
            _opening--;
            _mayRefill = opened?.CarriesReuse == true;
        }
    }

    /// <summary>Opens in the background what is lacking, one after another. Called when a tunnel has got what it needs.</summary>
    public void Refill()
    {
        lock (_lock)
        {
            if (_isRefilling || !IsLacking()) return;
            _isRefilling = true;
            _refilling = Task.Run(RefillAsync, CancellationToken.None);
        }
    }

    /// <summary>Keeps the WebSocket of a tunnel that has ended, when the gateway agrees that both ends are done with it.</summary>
    /// <param name="tunnel">The tunnel, whose data this end has ended. It stays the caller's, who closes it when the result is false.</param>
    /// <param name="stopping">The relay stops.</param>
    public async Task<bool> TryKeepAsync(TunnelStream tunnel, CancellationToken stopping)
    {
        if (!tunnel.IsReusable || Count >= MostReady) return false;
        using var limit = new CancellationTokenSource(AgreeLimit, time);
        using var any = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, _stop.Token, stopping);
        try
        {
            if (await tunnel.NextAsync(any.Token) is not { } next) return false;
            await AddAsync(next, isAhead: false);
            return true;
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            return false;
        }
    }

    /// <summary>Closes all, and keeps and opens none any more.</summary>
    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        Task refilling;
        lock (_lock) refilling = _refilling;
        await refilling;
        await Task.WhenAll(_watched.Values);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _stop.Dispose();
    }

    private bool IsLacking() => _mayRefill && _opening == 0 && _ready.Count < _ahead && !_stop.IsCancellationRequested;

    private async Task RefillAsync()
    {
        while (await OpenAsync() is { } stream && await AddAsync(stream, isAhead: true))
        {
        }
    }

    // A gateway that refuses is not asked again for what nobody has asked for.
    private async Task<TunnelStream?> OpenAsync()
    {
        using var limit = new CancellationTokenSource(DialLimit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, _stop.Token);
        try
        {
            var stream = await dial(either.Token);
            if (stream.CarriesReuse) return stream;
            await stream.DisposeAsync();
        }
        catch (Exception)
        {
            // Whatever it was: told when a tunnel is asked for and cannot be had.
        }

        lock (_lock) _mayRefill = _isRefilling = false;
        return null;
    }

    /// <returns>True when it was opened ahead and another one is to be. Decided before anybody can take this one: whoever does gets what it needs first.</returns>
    private async Task<bool> AddAsync(TunnelStream stream, bool isAhead)
    {
        var socket = new ReadyWebSocket(stream, time);
        var gate = new TaskCompletionSource();
        bool isKept;
        var isLacking = false;
        lock (_lock)
        {
            isKept = !_stop.IsCancellationRequested && _ready.Count < MostReady;
            if (isKept)
            {
                _ready.Add(socket);
                // Listed before it runs, so that its end always finds it there.
                _watched[socket] = WatchAsync(socket, gate.Task);
            }

            if (isAhead) _isRefilling = isLacking = IsLacking();
        }

        if (isKept) gate.SetResult();
        else await socket.CloseAsync();
        return isLacking;
    }

    private async Task WatchAsync(ReadyWebSocket socket, Task gate)
    {
        await gate;
        try
        {
            bool isOld;
            using (var patience = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token))
            {
                var keeping = Task.Delay(KeepTime, time, patience.Token);
                isOld = await Task.WhenAny(socket.Over, keeping) == keeping;
                await patience.CancelAsync();
            }

            lock (_lock)
            {
                // Whoever took it has it.
                if (!_ready.Remove(socket)) return;
                // It was not wanted: there are more than were asked for.
                if (isOld) _ahead = Math.Max(_ahead - 1, 1);
            }

            await socket.CloseAsync();
        }
        finally
        {
            _watched.TryRemove(socket, out _);
        }
    }
}
