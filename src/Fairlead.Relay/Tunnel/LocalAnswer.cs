using System.Net.Sockets;
using System.Text;

namespace Fairlead.Relay.Tunnel;

/// <summary>An answer that comes from the relay itself, to a tool that has no tunnel; and the gentle close that lets it arrive.</summary>
internal static class LocalAnswer
{
    private const int MaxDrainedBytes = 64 * 1024;
    private static readonly TimeSpan DrainLimit = TimeSpan.FromSeconds(1);

    /// <summary>Sends a text and closes the sending side. A tool that has left is no error.</summary>
    public static async Task SendAsync(Socket tool, string text, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(DrainLimit);
        try
        {
            ReadOnlyMemory<byte> bytes = Encoding.UTF8.GetBytes(text);
            while (!bytes.IsEmpty) bytes = bytes[await tool.SendAsync(bytes, limit.Token)..];
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            return;
        }

        await CloseGentlyAsync(tool, limit.Token);
    }

    /// <summary>
    /// Says that no more comes and reads what the tool still sends, within limits. Closing a socket with unread bytes would send a reset,
    /// and a reset may overtake our last bytes in the tool.
    /// </summary>
    public static async Task CloseGentlyAsync(Socket tool, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(DrainLimit);
        try
        {
            tool.Shutdown(SocketShutdown.Send);
            var buffer = new byte[4096];
            for (int read, drained = 0; drained < MaxDrainedBytes; drained += read)
            {
                read = await tool.ReceiveAsync(buffer, limit.Token);
                if (read == 0) return;
            }
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            // The tool left, or keeps sending to nobody: either way there is nothing more to do for it.
        }
    }
}
