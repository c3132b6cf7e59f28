using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using Fairlead.EndToEnd.Harness;
using Fairlead.EndToEnd.Origins;
using Fairlead.Wire;

namespace Fairlead.EndToEnd.RedTeam.Stage;

/// <summary>What a relay may meet at its gateway's address: it upgrades, keeps the first chunk as it came, and then writes what it is told to.</summary>
internal sealed partial class HostileGateway : IAsyncDisposable
{
    private readonly TestAuthority _authority = new("Hostile Gateway CA");
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<int, string> _sent = new();
    private int _tunnels;
    private readonly Task _accepting;

    public HostileGateway()
    {
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen(512);
        _accepting = AcceptAsync();
    }

    public Uri Address => new($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndPoint!).Port}");

    /// <summary>What each tunnel was sent, Latin-1.</summary>
    public IReadOnlyList<string> Heads => [.. _sent.Values];

    /// <summary>What is written behind the first chunk. Told: its data. By default the tunnel is opened, and nothing follows.</summary>
    public Func<string, byte[]> Says { get; set; } = static _ => ServerFrame(RawTunnel.Data("HTTP/1.1 200 OK\r\n\r\n"));

    /// <summary>A whole binary message in one frame without a mask.</summary>
    public static byte[] ServerFrame(byte[] payload) => payload.Length < 126 ? [0x82, (byte)payload.Length, .. payload] : [0x82, 126, (byte)(payload.Length >> 8), (byte)payload.Length, .. payload];

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _accepting;
        _listener.Dispose();
        _authority.Dispose();
    }

    private async Task AcceptAsync()
    {
        var serving = new List<Task>();
        try
        {
            while (true) serving.Add(ServeAsync(await _listener.AcceptAsync(_stop.Token)));
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(serving);
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        await using var stream = new NetworkStream(socket, ownsSocket: true);
        try
        {
            var head = await TunnelSocket.ReadHeadAsync(stream, _stop.Token);
            if (head.Contains(Protocol.CaCertificatePath, StringComparison.Ordinal))
            {
                await WriteAsync(stream, $"HTTP/1.1 200 OK\r\nContent-Type: {Protocol.CaMediaType}\r\nContent-Length: {_authority.Pem.Length}\r\nConnection: close\r\n\r\n{_authority.Pem}");
                return;
            }

            if (Key().Match(head) is not { Success: true } key) return;
            await WriteAsync(stream, $"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {WebSocketHandshake.AcceptFor(key.Groups[1].Value)}\r\nFairlead-Tunnel: 1\r\n\r\n");
            await using var tunnel = new TunnelStream(stream, TunnelEnd.Gateway, peerKnowsEndOfData: true, TimeProvider.System);
            if (await tunnel.ReadChunkAsync(_stop.Token) is not { } chunk) return;
            var first = Encoding.Latin1.GetString(chunk.Data.Span);
            var number = Interlocked.Increment(ref _tunnels);
            _sent[number] = first;
            await stream.WriteAsync(Says(first), _stop.Token);
            // The peer says when it is over.
            while (await tunnel.ReadChunkAsync(_stop.Token) is { } more) _sent[number] += Encoding.Latin1.GetString(more.Data.Span);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException)
        {
            // The relay has had enough.
        }
    }

    private async Task WriteAsync(NetworkStream stream, string text) => await stream.WriteAsync(Encoding.ASCII.GetBytes(text), _stop.Token);

    [GeneratedRegex(@"Sec-WebSocket-Key: ([A-Za-z0-9+/=]+)\r\n", RegexOptions.IgnoreCase)]
    private static partial Regex Key();
}
