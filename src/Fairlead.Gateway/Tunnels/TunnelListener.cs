using System.Net;
using System.Threading.Channels;
using Microsoft.AspNetCore.Connections;

namespace Fairlead.Gateway.Tunnels;

/// <summary>How a tunnel becomes a Kestrel connection: the inner server accepts what <see cref="Offer"/> was given.</summary>
internal sealed class TunnelListener : IConnectionListenerFactory, IConnectionListenerFactorySelector, IConnectionListener
{
    private readonly Channel<TunnelConnection> _offered = Channel.CreateUnbounded<TunnelConnection>();

    public EndPoint EndPoint => TunnelEndPoint.Instance;

    public bool CanBind(EndPoint endpoint) => endpoint is TunnelEndPoint;

    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) => ValueTask.FromResult<IConnectionListener>(this);

    /// <summary>Hands a tunnel to the inner server.</summary>
    /// <returns>False when the server is going down.</returns>
    public bool Offer(TunnelConnection connection) => _offered.Writer.TryWrite(connection);

    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        while (await _offered.Reader.WaitToReadAsync(cancellationToken))
        {
            if (_offered.Reader.TryRead(out var connection)) return connection;
        }

        return null;
    }

    public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        _offered.Writer.TryComplete();
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync() => UnbindAsync();
}
