using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Fairlead.Tests.Relay;

/// <summary>A small HTTP proxy: every CONNECT, whatever its target, leads to one port of this machine.</summary>
internal sealed class TestProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly int _target;
    private readonly ConcurrentBag<Task> _connections = [];
    private readonly Task _accepting;

    public TestProxy(int target)
    {
        _target = target;
        _listener.Start();
        Port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        _accepting = AcceptAsync();
    }

    public int Port { get; }

    public ConcurrentQueue<string> Heads { get; } = new();

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        await _accepting;
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            try
            {
                _connections.Add(ServeAsync(await _listener.AcceptTcpClientAsync()));
            }
            catch (Exception e) when (e is SocketException or InvalidOperationException)
            {
                return;
            }
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using (client)
        using (var target = new TcpClient())
        {
            var inner = client.GetStream();
            Heads.Enqueue(await RawPeer.ReadHeadAsync(inner));
            await target.ConnectAsync(IPAddress.Loopback, _target, Limits.Token);
            var outer = target.GetStream();
            await inner.WriteAsync("HTTP/1.1 200 Connection established\r\n\r\n"u8.ToArray(), Limits.Token);
            await Task.WhenAny(inner.CopyToAsync(outer, Limits.Token), outer.CopyToAsync(inner, Limits.Token));
        }
    }
}
