using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;

namespace Fairlead.EndToEnd.Harness;

/// <summary>A connection to a relay without a tool, for what no tool does.</summary>
internal static class TunnelSocket
{
    public static async Task<NetworkStream> OpenAsync(RelayProcess relay, CancellationToken cancellationToken)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, relay.Proxy.Port), cancellationToken);
        return new NetworkStream(socket, ownsSocket: true);
    }

    public static byte[] Connect(string target) => Encoding.ASCII.GetBytes($"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n");

    /// <summary>Reads a head up to its blank line, and not a byte more.</summary>
    public static async Task<string> ReadHeadAsync(Stream stream, CancellationToken cancellationToken)
    {
        var head = new StringBuilder();
        var one = new byte[1];
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            if (await stream.ReadAsync(one, cancellationToken) == 0) break;
            head.Append((char)one[0]);
        }

        return head.ToString();
    }

    /// <summary>Opens a tunnel and TLS in it, as HTTP/1.1.</summary>
    public static async Task<SslStream> OpenTlsAsync(RelayProcess relay, string host, CancellationToken cancellationToken)
    {
        var stream = await OpenAsync(relay, cancellationToken);
        await stream.WriteAsync(Connect($"{host}:443"), cancellationToken);
        Assert.StartsWith("HTTP/1.1 200 ", await ReadHeadAsync(stream, cancellationToken), StringComparison.Ordinal);
        return await StartTlsAsync(stream, relay, host, cancellationToken);
    }

    public static async Task<SslStream> StartTlsAsync(Stream stream, RelayProcess relay, string host, CancellationToken cancellationToken)
    {
        var options = ProxiedHttp.Trust(relay);
        options.TargetHost = host;
        var tls = new SslStream(stream);
        await tls.AuthenticateAsClientAsync(options, cancellationToken);
        return tls;
    }

    public static async Task<string> ReadToEndAsync(Stream stream, CancellationToken cancellationToken)
    {
        using var reader = new StreamReader(stream, Encoding.Latin1);
        return await reader.ReadToEndAsync(cancellationToken);
    }
}
