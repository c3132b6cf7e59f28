using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace Fairlead.Tests.Relay;

/// <summary>A server that answers each connection's first head with bytes of the test's choice, and closes.</summary>
internal sealed class RawPeer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly Func<NetworkStream, string, Task<string>> _answer;
    private readonly Task _serving;

    public RawPeer(Func<NetworkStream, string, Task<string>> answer)
    {
        _answer = answer;
        _listener.Start();
        Port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        _serving = ServeAsync();
    }

    public int Port { get; }

    public static string Upgrade(string request)
    {
        var key = request.Split("Sec-WebSocket-Key: ")[1].Split("\r\n")[0];
#pragma warning disable CA5350 // RFC 6455 names SHA-1.
        var accept = Convert.ToBase64String(SHA1.HashData(Encoding.ASCII.GetBytes(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));
#pragma warning restore CA5350
        return $"HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nconnection: keep-alive, upgrade\r\nsec-websocket-accept: {accept}\r\n\r\n";
    }

    public static async Task<string> ReadHeadAsync(Stream stream)
    {
        var head = new StringBuilder();
        var one = new byte[1];
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal) && await stream.ReadAsync(one, Limits.Token) > 0) head.Append((char)one[0]);
        return head.ToString();
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        await _serving;
    }

    private async Task ServeAsync()
    {
        while (true)
        {
            TcpClient client;
            try
            {
                client = await _listener.AcceptTcpClientAsync();
            }
            catch (Exception e) when (e is SocketException or InvalidOperationException)
            {
                return; // stopped: before the accept began, or while it waited
            }

            using (client)
            {
                try
                {
                    var stream = client.GetStream();
                    var answer = await _answer(stream, await ReadHeadAsync(stream));
                    await stream.WriteAsync(Encoding.Latin1.GetBytes(answer), Limits.Token);
                    client.Client.Shutdown(SocketShutdown.Send);
                    var rest = new byte[4096];
                    while (answer.Length > 0 && await stream.ReadAsync(rest, Limits.Token) > 0) { }
                }
                catch (Exception e) when (e is IOException or SocketException)
                {
                    // The relay has left.
                }
            }
        }
    }
}
