using System.Net.Sockets;

namespace Fairlead.EndToEnd.Harness;

/// <summary>A proxy that takes a request and answers nothing: it closes, or holds the connection.</summary>
internal sealed class DroppingProxy : IAsyncDisposable
{
    private readonly Socket _listener;
    private readonly bool _closes;
    private readonly List<Socket> _held = [];
    private readonly CancellationTokenSource _end = new();
    private readonly Task _loop;

    /// <param name="listener">Listens; taken over.</param>
    /// <param name="closes">Whether it closes what it took.</param>
    public DroppingProxy(Socket listener, bool closes)
    {
        _listener = listener;
        _closes = closes;
        _loop = ServeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await _loop.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        foreach (var connection in _held) connection.Dispose();
        _listener.Dispose();
        _end.Dispose();
    }

    private async Task ServeAsync()
    {
        while (true)
        {
            var connection = await _listener.AcceptAsync(_end.Token);
            _held.Add(connection);
            await connection.ReceiveAsync(new byte[1024], _end.Token);
            if (_closes) connection.Close();
        }
    }
}
