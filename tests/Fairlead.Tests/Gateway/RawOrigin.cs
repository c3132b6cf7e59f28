using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;

namespace Fairlead.Tests.Gateway;

/// <summary>An upstream that speaks bytes and not HTTP, for what no honest server would say.</summary>
internal sealed class RawOrigin : IAsyncDisposable
{
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _accepting;
    private int _connections;

    /// <param name="serve">Serves one connection, which is closed when it ends.</param>
    public RawOrigin(Func<Stream, Task> serve)
    {
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen();
        EndPoint = (IPEndPoint)_listener.LocalEndPoint!;
        _accepting = AcceptAsync(serve);
    }

    public IPEndPoint EndPoint { get; }

    /// <summary>Connections accepted, whatever came of them.</summary>
    public int Connections => Volatile.Read(ref _connections);

    /// <summary>One that does TLS first.</summary>
    public static RawOrigin OverTls(X509Certificate2 certificate, Func<SslStream, Task> serve, SslApplicationProtocol? protocol = null) => new(async stream =>
    {
        await using var tls = new SslStream(stream);
        await tls.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = certificate, ApplicationProtocols = protocol is null ? null : [protocol.Value] }, Limits.Token);
        await serve(tls);
        await tls.ShutdownAsync();
    });

    public async ValueTask DisposeAsync()
    {
        if (_stop.IsCancellationRequested) return;
        await _stop.CancelAsync();
        await _accepting;
        _listener.Dispose();
    }

    private async Task AcceptAsync(Func<Stream, Task> serve)
    {
        var serving = new List<Task>();
        try
        {
            while (true)
            {
                var socket = await _listener.AcceptAsync(_stop.Token);
                Interlocked.Increment(ref _connections);
                serving.Add(ServeAsync(socket, serve));
            }
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(serving);
        }
    }

    private async Task ServeAsync(Socket socket, Func<Stream, Task> serve)
    {
        var stream = new NetworkStream(socket, ownsSocket: true);
        await using var closing = _stop.Token.UnsafeRegister(static s => ((NetworkStream)s!).Dispose(), stream);
        try
        {
            await serve(stream);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or System.Security.Authentication.AuthenticationException or OperationCanceledException)
        {
            // The gateway hung up, which some tests are about.
        }
        finally
        {
            await stream.DisposeAsync();
        }
    }
}
