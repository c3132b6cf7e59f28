using System.Net;
using System.Net.Sockets;

namespace Fairlead.EndToEnd.Harness;

/// <summary>A listener where nobody may arrive.</summary>
internal sealed class Canary(NetworkNamespace place, string address, int port) : IDisposable
{
    private readonly Socket _socket = place.Listen(new IPEndPoint(IPAddress.Parse(address), port));

    /// <summary>True once somebody has connected, even if nothing was said: the kernel keeps the connection for us.</summary>
    public bool WasReached => _socket.Poll(0, SelectMode.SelectRead);

    public void Dispose() => _socket.Dispose();
}
