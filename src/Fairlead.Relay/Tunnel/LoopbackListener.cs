using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Fairlead.Relay.Tunnel;

/// <summary>The door for this container's tools: accepts connections on 127.0.0.1, counts them, and lets each be served.</summary>
internal sealed class LoopbackListener : IAsyncDisposable
{
    private const int Backlog = 512;
    private const int MaxRefusalsAtOnce = 64;

    // Out of file descriptors: accepting again at once would spin until one is free.
    private static readonly TimeSpan PauseAfterFailure = TimeSpan.FromMilliseconds(100);

    private readonly Socket _socket;
    private readonly int _maxTunnels;
    private readonly Func<Socket, CancellationToken, Task> _serve;
    private readonly Action<string> _warn;
    private readonly Action _refused;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _stopAccepting = new();
    private readonly CancellationTokenSource _stopServing = new();
    private readonly ConcurrentDictionary<long, Task> _connections = new();
    private readonly SemaphoreSlim _refusals = new(MaxRefusalsAtOnce);
    private readonly Task _accepting;
    private int _open;

    private LoopbackListener(Socket socket, int maxTunnels, Func<Socket, CancellationToken, Task> serve, Action<string> warn, Action refused, TimeProvider time)
    {
        (_socket, _maxTunnels, _serve, _warn, _refused, _time) = (socket, maxTunnels, serve, warn, refused, time);
        Port = ((IPEndPoint)socket.LocalEndPoint!).Port;
        _accepting = AcceptAsync();
    }

    /// <summary>The port on 127.0.0.1.</summary>
    public int Port { get; }

    /// <summary>Starts to listen.</summary>
    /// <param name="port">1 to 65,535, or 0 for a free one.</param>
    /// <param name="maxTunnels">How many connections are served at a time; the next is answered 503.</param>
    /// <param name="serve">Serves one connection, which it then owns. It must not throw.</param>
    /// <param name="warn">Takes a line for the operator.</param>
    /// <param name="refused">Called for each connection above the limit.</param>
    /// <param name="time">The clock of the pause after a failed accept.</param>
    /// <exception cref="SocketException">The port is taken or forbidden.</exception>
    public static LoopbackListener Start(
        int port, int maxTunnels, Func<Socket, CancellationToken, Task> serve, Action<string> warn, Action refused, TimeProvider time)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(new IPEndPoint(IPAddress.Loopback, port));
            socket.Listen(Backlog);
            return new LoopbackListener(socket, maxTunnels, serve, warn, refused, time);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Lets what is being served end by itself for a while, then stops accepting and cuts what is left. Whoever serves refuses new tunnels meanwhile.</summary>
    /// <param name="drainLimit">How long to wait for them; zero cuts at once.</param>
    public async Task StopAsync(TimeSpan drainLimit)
    {
        try
        {
            if (drainLimit > TimeSpan.Zero) await Task.WhenAll(_connections.Values).WaitAsync(drainLimit, _time);
        }
        catch (TimeoutException)
        {
            // Those that are left are cut now.
        }

        await _stopAccepting.CancelAsync();
        _socket.Dispose();
        await _accepting;
        await _stopServing.CancelAsync();
        await Task.WhenAll(_connections.Values);
    }

    /// <summary>Stops at once.</summary>
    public async ValueTask DisposeAsync()
    {
        await StopAsync(TimeSpan.Zero);
        _stopAccepting.Dispose();
        _stopServing.Dispose();
        _refusals.Dispose();
    }

    private async Task AcceptAsync()
    {
        long number = 0;
        var isFailing = false;
        while (!_stopAccepting.IsCancellationRequested)
        {
            try
            {
                var tool = await _socket.AcceptAsync(_stopAccepting.Token);
                isFailing = false;
                Track(number++, tool);
            }
            catch (Exception e) when (_stopAccepting.IsCancellationRequested && e is OperationCanceledException or ObjectDisposedException or SocketException)
            {
                return;
            }
            catch (SocketException e)
            {
                if (!isFailing) _warn($"a connection could not be accepted: {e.Message}; trying on");
                isFailing = true;
                await PauseAsync();
            }
        }
    }

    private async Task PauseAsync()
    {
        try
        {
            await Task.Delay(PauseAfterFailure, _time, _stopAccepting.Token);
        }
        catch (OperationCanceledException)
        {
            // The loop sees that it is over.
        }
    }

    private void Track(long number, Socket tool)
    {
        var isServed = Interlocked.Increment(ref _open) <= _maxTunnels;
        var gate = new TaskCompletionSource();
        // It is listed before it runs, so that its end always finds it there.
        _connections[number] = HandleAsync();
        gate.SetResult();

        async Task HandleAsync()
        {
            await gate.Task;
            try
            {
                if (isServed) await _serve(tool, _stopServing.Token);
                else await RefuseAsync(tool);
            }
            finally
            {
                Interlocked.Decrement(ref _open);
                _connections.TryRemove(number, out _);
            }
        }
    }

    private async Task RefuseAsync(Socket tool)
    {
        using (tool)
        {
            _refused();
            // A flood is not worth a polite answer for each.
            if (!await _refusals.WaitAsync(0)) return;
            try
            {
                var text = $"HTTP/1.1 503 Service Unavailable\r\n\r\nfairlead: {_maxTunnels} tunnels are open, which is the limit (--max-tunnels).\n";
                await LocalAnswer.SendAsync(tool, text, _stopServing.Token);
            }
            finally
            {
                _refusals.Release();
            }
        }
    }
}
