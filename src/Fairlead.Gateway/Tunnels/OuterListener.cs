using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;

namespace Fairlead.Gateway.Tunnels;

/// <summary>Accepts the connections of relays, each as an <see cref="OuterConnection"/>.</summary>
internal sealed class OuterListener : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    private const int Backlog = 512;

    // A process that has no descriptor left gets one when a connection ends.
    private static readonly TimeSpan DescriptorPause = TimeSpan.FromMilliseconds(100);

    public bool CanBind(EndPoint endpoint) => endpoint is IPEndPoint;

    /// <exception cref="SocketException">The address cannot be listened on.</exception>
    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        var socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            if (endpoint is IPEndPoint { Address: var address } && address.Equals(IPAddress.IPv6Any)) socket.DualMode = true;
            socket.Bind(endpoint);
            socket.Listen(Backlog);
            return ValueTask.FromResult<IConnectionListener>(new Bound(socket));
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private sealed class Bound(Socket socket) : IConnectionListener
    {
        public EndPoint EndPoint { get; } = socket.LocalEndPoint!;

        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
        {
            while (true)
            {
                try
                {
                    return new OuterConnection(await socket.AcceptAsync(cancellationToken));
                }
                catch (ObjectDisposedException)
                {
                    return null;
                }
                catch (SocketException e) when (e.SocketErrorCode == SocketError.OperationAborted)
                {
                    return null;
                }
                catch (SocketException e)
                {
                    // One that was reset while it waited concerns nobody else.
                    if (e.SocketErrorCode == SocketError.TooManyOpenSockets) await Task.Delay(DescriptorPause, cancellationToken);
                }
            }
        }

        public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
        {
            socket.Dispose();
            return ValueTask.CompletedTask;
        }

        public ValueTask DisposeAsync() => UnbindAsync();
    }
}
