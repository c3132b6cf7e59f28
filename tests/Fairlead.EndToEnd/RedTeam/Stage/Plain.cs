using System.Net;
using System.Net.Sockets;

namespace Fairlead.EndToEnd.RedTeam.Stage;

/// <summary>A plain connection to a program on this machine.</summary>
internal static class Plain
{
    public static async Task<NetworkStream> ConnectAsync(Uri address)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(new IPEndPoint(IPAddress.Parse(address.Host), address.Port), Limits.Token());
        return new NetworkStream(socket, ownsSocket: true);
    }
}
