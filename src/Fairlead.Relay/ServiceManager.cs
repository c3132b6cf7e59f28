using System.Net.Sockets;
using System.Text;

namespace Fairlead.Relay;

/// <summary>Tells systemd, or whoever gave NOTIFY_SOCKET, how the relay is (sd_notify(3)): one datagram each. Does nothing where nobody asked.</summary>
/// <param name="environment">Where NOTIFY_SOCKET is looked for: a path, or a name in the abstract namespace that begins with <c>@</c>.</param>
internal sealed class ServiceManager(IReadOnlyDictionary<string, string> environment)
{
    private readonly string? _name = environment.GetValueOrDefault("NOTIFY_SOCKET");

    /// <summary>The relay listens.</summary>
    public void Ready(int port) => Tell($"READY=1\nSTATUS=Listening on 127.0.0.1:{port}\n");

    /// <summary>The relay was told to end.</summary>
    public void Stopping(TimeSpan drain) => Tell($"STOPPING=1\nSTATUS=Open tunnels may end for {drain.TotalSeconds} s\n");

    private void Tell(string state)
    {
        if (string.IsNullOrEmpty(_name) || _name[0] is not ('/' or '@')) return;
        try
        {
            using var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified) { Blocking = false };
            socket.SendTo(Encoding.UTF8.GetBytes(state), new UnixDomainSocketEndPoint(_name[0] == '@' ? "\0" + _name[1..] : _name));
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            // Nobody listens there, or the name is too long for a socket: the relay serves its tools all the same.
        }
    }
}
