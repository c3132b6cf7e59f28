using System.Net;
using System.Net.Sockets;

namespace Fairlead.Tests.Wire;

/// <summary>Two ends of a real TCP connection.</summary>
internal sealed record LoopbackPair(NetworkStream Client, NetworkStream Server) : IAsyncDisposable
{
    public static async Task<LoopbackPair> ConnectAsync()
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await client.ConnectAsync(listener.LocalEndPoint!, Limits.Token);
        var server = await listener.AcceptAsync(Limits.Token);
        server.NoDelay = true;
        return new LoopbackPair(new NetworkStream(client, ownsSocket: true), new NetworkStream(server, ownsSocket: true));
    }

    public async ValueTask DisposeAsync()
    {
        await Client.DisposeAsync();
        await Server.DisposeAsync();
    }
}
