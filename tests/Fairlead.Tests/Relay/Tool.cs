using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Fairlead.Tests.Relay;

/// <summary>A tool's connection to the relay.</summary>
internal sealed class Tool : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };

    public Socket Socket => _socket;

    public static async Task<Tool> ConnectAsync(int port)
    {
        var tool = new Tool();
        await tool._socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port), Limits.Token);
        return tool;
    }

    public async Task SendAsync(string text)
    {
        ReadOnlyMemory<byte> bytes = Encoding.Latin1.GetBytes(text);
        while (!bytes.IsEmpty) bytes = bytes[await _socket.SendAsync(bytes, Limits.Token)..];
    }

    public void EndSending() => _socket.Shutdown(SocketShutdown.Send);

    /// <summary>Leaves with a reset.</summary>
    public void Reset()
    {
        _socket.LingerState = new LingerOption(true, 0);
        _socket.Close();
    }

    public async Task<string> ReadAsync(int bytes)
    {
        var buffer = new byte[bytes];
        var length = 0;
        while (length < bytes)
        {
            var read = await _socket.ReceiveAsync(buffer.AsMemory(length), Limits.Token);
            if (read == 0) break;
            length += read;
        }

        return Encoding.Latin1.GetString(buffer, 0, length);
    }

    public async Task<string> ReadToEndAsync()
    {
        var text = new StringBuilder();
        var buffer = new byte[64 * 1024];
        while (await _socket.ReceiveAsync(buffer.AsMemory(), Limits.Token) is > 0 and var read) text.Append(Encoding.Latin1.GetString(buffer, 0, read));
        return text.ToString();
    }

    public void Dispose() => _socket.Dispose();
}
