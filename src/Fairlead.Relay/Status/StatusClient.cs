using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Fairlead.Relay.Status;

/// <summary>Asks a running relay on this machine for its status.</summary>
internal static class StatusClient
{
    private const int MaxBytes = 4 * 1024 * 1024;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);

    /// <summary>The port of the relay that a tool's environment names, or null.</summary>
    public static int? PortIn(IReadOnlyDictionary<string, string> environment)
    {
        var proxy = environment.GetValueOrDefault("HTTPS_PROXY");
        if (string.IsNullOrEmpty(proxy)) proxy = environment.GetValueOrDefault("https_proxy");
        return Uri.TryCreate(proxy, UriKind.Absolute, out var uri) && uri is { Scheme: "http", Host: "127.0.0.1" or "localhost" } ? uri.Port : null;
    }

    /// <summary>Asks, within 5 s.</summary>
    /// <param name="port">The port on 127.0.0.1.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The status, or why there is none, without a full stop.</returns>
    public static async Task<(RelaySnapshot? Status, string? Problem)> AskAsync(int port, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Limit);
        try
        {
            var answer = await GetAsync(port, limit.Token);
            if (answer.StartsWith("HTTP/1.1 503", StringComparison.Ordinal)) return (null, $"the relay on port {port} is at its limit of tunnels, and cannot be asked until one ends");
            var blank = answer.IndexOf("\r\n\r\n", StringComparison.Ordinal);
            if (!answer.StartsWith("HTTP/1.1 200", StringComparison.Ordinal) || blank < 0) return (null, $"what answers on port {port} is no relay of this version");
            return (JsonSerializer.Deserialize(answer[(blank + 4)..], SnapshotJson.Default.RelaySnapshot), null);
        }
        catch (SocketException e)
        {
            return (null, $"no relay answers on port {port}: {e.Message}");
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return (null, $"what listens on port {port} did not answer within {Limit.TotalSeconds} s");
        }
        catch (JsonException e)
        {
            return (null, $"what answers on port {port} is no relay of this version: {e.Message}");
        }
    }

    private static async Task<string> GetAsync(int port, CancellationToken cancellationToken)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port), cancellationToken);
        await socket.SendAsync(Encoding.ASCII.GetBytes($"GET {StatusPage.Path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n"), cancellationToken);
        using var answer = new MemoryStream();
        var buffer = new byte[16 * 1024];
        while (answer.Length < MaxBytes && await socket.ReceiveAsync(buffer, cancellationToken) is var read and > 0) answer.Write(buffer, 0, read);
        return Encoding.UTF8.GetString(answer.GetBuffer(), 0, (int)answer.Length);
    }
}
