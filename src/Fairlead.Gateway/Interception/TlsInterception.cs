using System.Net.Security;
using System.Security.Authentication;
using Fairlead.Gateway.Tunnels;
using Fairlead.Wire;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace Fairlead.Gateway.Interception;

/// <summary>How we open TLS: a leaf for the tunnel's destination, whatever name the workload asks for, if it asks for that or none.</summary>
/// <param name="leafFor">The leaf of a destination, for a session by its id, and whether its policy could allow anything there; throws <see cref="LeafRefusedException"/> where there is none.</param>
/// <param name="time">The clock.</param>
internal sealed class TlsInterception(Func<HostPort, string, bool, Task<SslStreamCertificateContext>> leafFor, TimeProvider time)
{
    // A tool that speaks first in another protocol, or waits for the server to speak, is let go after this.
    private static readonly TimeSpan HandshakeTimeout = TimeSpan.FromSeconds(15);

    private static readonly TimeSpan EndTimeout = TimeSpan.FromSeconds(5);

    private static readonly List<SslApplicationProtocol> Protocols = [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11];

    public void Use(ListenOptions options)
    {
        options.Protocols = HttpProtocols.Http1AndHttp2;
        options.Use(next => connection =>
        {
            connection.Transport = new RecordPipe(connection.Transport);
            return next(connection);
        });
        options.UseHttps(new TlsHandshakeCallbackOptions { HandshakeTimeout = HandshakeTimeout, OnConnection = SelectAsync });
        options.Use(next => async connection =>
        {
            connection.Features.GetRequiredFeature<Tunnel>().HasTls = true;
            await next(connection);
            await SayEndAsync(connection);
        });
    }

    // RFC 8446 §6.1: who stops sending says close_notify. Kestrel does not, and without it OpenSSL 3 takes a whole answer for a truncated one.
    private async Task SayEndAsync(ConnectionContext connection)
    {
        // A connection that was given up must not look as if it ended.
        if (((TunnelConnection)connection).IsOver) return;
        try
        {
            await connection.Features.GetRequiredFeature<ISslStreamFeature>().SslStream.ShutdownAsync().WaitAsync(EndTimeout, time);
        }
        catch (Exception e) when (e is IOException or InvalidOperationException or TimeoutException)
        {
            // The workload left first, or reads no more.
        }
    }

    private async ValueTask<SslServerAuthenticationOptions> SelectAsync(TlsHandshakeCallbackContext context)
    {
        var tunnel = context.Connection.Features.GetRequiredFeature<Tunnel>();
        var asked = context.ClientHelloInfo.ServerName;
        // No name is fine (a destination that is an address has none); another name than the CONNECT's is domain fronting.
        if (asked.Length > 0 && (!HostPort.TryCanonicalHost(asked, out var name, out _, out _) || name != tunnel.Destination.Host))
        {
            tunnel.ForeignServerName = HostPort.Printable(asked);
            throw new AuthenticationException("the server name is not the destination of the tunnel");
        }

        return new SslServerAuthenticationOptions
        {
            ServerCertificateContext = await LeafForAsync(tunnel),
            ApplicationProtocols = Protocols,
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
            // The handshake is the workload's own affair; renegotiation buys it nothing and costs us CPU.
            AllowRenegotiation = false,
        };
    }

    private async Task<SslStreamCertificateContext> LeafForAsync(Tunnel tunnel)
    {
        var destination = tunnel.Destination;
        try
        {
            var couldBeAllowed = destination.Host == Protocol.SelfTestHost || tunnel.Session.Policy.CouldAllow(destination);
            return await leafFor(destination, tunnel.Session.Id, couldBeAllowed);
        }
        catch (LeafRefusedException e)
        {
            tunnel.NoLeaf = new Tunnel.LeafRefusal(e.Message, e.Remedy, e.Detail);
            throw new AuthenticationException(e.Message, e);
        }
    }
}
