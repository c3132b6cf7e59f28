using System.Buffers.Binary;
using System.Text;
using Fairlead.EndToEnd.Harness;
using Fairlead.Wire;

namespace Fairlead.EndToEnd.RedTeam.Stage;

/// <summary>A WebSocket to a gateway, upgraded as a relay does it, on which any bytes are then written.</summary>
internal sealed class RawTunnel(Stream connection) : IAsyncDisposable
{
    public const string Upgrade =
        $"GET {Protocol.WebSocketPath} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {TestSecrets.Token}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nContent-Type: application/proto\r\nFairlead-Tunnel: 1\r\n\r\n";

    public static async Task<RawTunnel> OpenAsync(Stream connection)
    {
        await connection.WriteAsync(Encoding.ASCII.GetBytes(Upgrade), Limits.Token());
        Assert.StartsWith("HTTP/1.1 101 ", await TunnelSocket.ReadHeadAsync(connection, Limits.Token()), StringComparison.Ordinal);
        return new RawTunnel(connection);
    }

    public static string Head(string target, string session = "demo", string token = TestSecrets.Token) =>
        $"CONNECT {target} HTTP/1.1\r\nProxy-Authorization: Basic {Convert.ToBase64String(Encoding.UTF8.GetBytes($"{session}:{token}"))}\r\n\r\n";

    /// <summary>A chunk of data.</summary>
    public static byte[] Data(string bytes) => [0x0a, .. Varint(bytes.Length), .. Encoding.Latin1.GetBytes(bytes)];

    /// <summary>A chunk that is a CONNECT in fields.</summary>
    public static byte[] Structured(string host, long port)
    {
        var name = Encoding.UTF8.GetBytes(host);
        return [0x10, 1, 0x1a, .. Varint(name.Length), .. name, 0x20, .. Varint(port)];
    }

    /// <summary>A whole binary message in one masked frame.</summary>
    public static byte[] Frame(ReadOnlySpan<byte> payload)
    {
        byte[] length = payload.Length < 126 ? [(byte)(0x80 | payload.Length)] : [0xfe, 0, 0];
        if (length.Length > 1) BinaryPrimitives.WriteUInt16BigEndian(length.AsSpan(1), checked((ushort)payload.Length));
        // A mask of zeros leaves the payload as it is.
        return [0x82, .. length, 0, 0, 0, 0, .. payload];
    }

    public async Task SendFrameAsync(byte[] payload) => await connection.WriteAsync(Frame(payload), Limits.Token());

    public async Task SendAsync(byte[] bytes) => await connection.WriteAsync(bytes, Limits.Token());

    /// <summary>The tunnel's bytes from here on.</summary>
    public Stream AsStream() => new TunnelStream(connection, TunnelEnd.Relay, peerKnowsEndOfData: true, TimeProvider.System);

    public Stream Connection => connection;

    public ValueTask DisposeAsync() => connection.DisposeAsync();

    private static byte[] Varint(long value)
    {
        var bytes = new List<byte>();
        var rest = (ulong)value;
        for (; rest >= 0x80; rest >>= 7) bytes.Add((byte)(rest | 0x80));
        bytes.Add((byte)rest);
        return [.. bytes];
    }
}
