using System.Buffers;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Fairlead.Relay.Startup;
using Fairlead.Relay.Tunnel;
using Fairlead.Wire;

namespace Fairlead.Relay;

/// <summary>
/// STORY 2: one tool's connection, from its CONNECT to its end.
/// <list type="number">
/// <item>Whose is it? Then read the head; anything but a CONNECT is answered here.</item>
/// <item>Open a tunnel to the gateway.</item>
/// <item>Hand over: the head with the session's credentials, then the bytes that came behind the tool's head.</item>
/// <item>Pump both ways at once.</item>
/// <item>Close, so that a cut stream never looks whole.</item>
/// </list>
/// </summary>
/// <param name="dialer">The way to the gateway.</param>
/// <param name="sessionId">The user name of the second authentication.</param>
/// <param name="token">The bearer token, and the password of the second authentication.</param>
/// <param name="peers">Who may connect.</param>
/// <param name="log">Takes a line for each tunnel.</param>
/// <param name="time">The clock of the limits.</param>
internal sealed class ConnectSession(GatewayDialer dialer, string sessionId, SessionToken token, LocalPeer peers, RelayLog log, TimeProvider time)
{
    private static readonly TimeSpan HeadLimit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan OpenLimit = TimeSpan.FromSeconds(10);

    /// <summary>Serves one connection and closes it. Never throws.</summary>
    /// <param name="tool">The accepted connection.</param>
    /// <param name="stopping">Cuts the connection.</param>
    public async Task ServeAsync(Socket tool, CancellationToken stopping)
    {
        using (tool)
        {
            try
            {
                await ServeStepsAsync(tool, stopping);
            }
            catch (Exception e) when (e is SocketException or IOException or OperationCanceledException or ObjectDisposedException)
            {
                // The tool left before it had a tunnel, or the relay stops: nobody is there to be told.
                log.Tunnel("(none)", $"ended early: {e.Message}", 0, 0);
            }
        }
    }

    private async Task ServeStepsAsync(Socket tool, CancellationToken stopping)
    {
        tool.NoDelay = true;

        // 1. Who calls, and the head.
        if (peers.WhyRefused(tool) is { } refusal)
        {
            log.Tunnel("(none)", $"403, {refusal}", 0, 0);
            await LocalAnswer.SendAsync(tool, $"HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\nfairlead: {refusal}.\n", stopping);
            return;
        }

        if (await ReadHeadAsync(tool, stopping) is not var (request, early)) return;

        // 2. The tunnel. Nothing is established yet, so a failure can be told in words.
        var (tunnel, problem) = await OpenAsync(stopping);
        if (tunnel is null)
        {
            log.Tunnel(request.Target, $"502, {problem}", 0, 0);
            await LocalAnswer.SendAsync(tool, BadGateway(problem!), stopping);
            return;
        }

        await using (tunnel)
        {
            TunnelPump pump;
            try
            {
                // 3. The hand-over.
                await SendHeadAsync(tunnel, request.Target, stopping);
                await tunnel.WriteAsync(early, stopping);

                // 4. The pump.
                pump = new TunnelPump(tool, tunnel, time);
                await pump.RunAsync(stopping);
            }
            catch (TunnelAbortedException e)
            {
                pump = TunnelPump.BrokenAtOnce(tool, tunnel, time, e.Message);
            }

            // 5. The end.
            await CloseAsync(tool, tunnel, pump, stopping);
            log.Tunnel(request.Target, pump.Outcome, tunnel.BytesWritten, pump.BytesToTool);
        }
    }

    private static async Task CloseAsync(Socket tool, TunnelStream tunnel, TunnelPump pump, CancellationToken stopping)
    {
        if (pump.BytesToTool == 0 && !pump.ToolLeft && !stopping.IsCancellationRequested)
        {
            await pump.AbortTunnelAsync();
            await LocalAnswer.SendAsync(tool, BadGateway($"the gateway opened a tunnel and gave no answer: {pump.Outcome}"), stopping);
        }
        else if (pump.IsWhole)
        {
            await LocalAnswer.CloseGentlyAsync(tool, stopping);
            await pump.CloseTunnelAsync();
        }
        else
        {
            // A reset, and no close frame of the normal kind: neither side may take what it got for the whole stream.
            tool.LingerState = new LingerOption(enable: true, seconds: 0);
            tool.Close();
            if (pump.ToolLeft) await pump.CloseTunnelAsync();
            else await pump.AbortTunnelAsync();
        }
    }

    /// <summary>Collects the head. What is no CONNECT is answered here, and the result is null.</summary>
    private async Task<(ConnectRequest Request, ReadOnlyMemory<byte> Early)?> ReadHeadAsync(Socket tool, CancellationToken stopping)
    {
        using var limit = new CancellationTokenSource(HeadLimit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, stopping);
        await tool.ReceiveAsync(Memory<byte>.Empty, either.Token);
        var head = ArrayPool<byte>.Shared.Rent(Protocol.MaxHeadBytes);
        try
        {
            var length = 0;
            while (true)
            {
                var read = await tool.ReceiveAsync(head.AsMemory(length, Protocol.MaxHeadBytes - length), either.Token);
                if (read == 0) return null;
                length += read;
                switch (ConnectRequest.Parse(head.AsSpan(0, length), out var request, out var headBytes, out var problem))
                {
                    case ConnectHead.Connect:
                        return (request!, head.AsSpan(headBytes, length - headBytes).ToArray());
                    case ConnectHead.TooLong:
                        await LocalAnswer.SendAsync(tool, "HTTP/1.1 400 Bad Request\r\n\r\n", stopping);
                        return null;
                    case ConnectHead.Other:
                        await LocalAnswer.SendAsync(
                            tool, $"HTTP/1.1 405 Method Not Allowed\r\n\r\nfairlead: this is a CONNECT proxy for HTTPS; {problem}.\n", stopping);
                        return null;
                    case ConnectHead.Incomplete:
                        break;
                }
            }
        }
        finally
        {
            // A head may hold credentials of the tool.
            CryptographicOperations.ZeroMemory(head);
            ArrayPool<byte>.Shared.Return(head);
        }
    }

    private async Task<(TunnelStream? Tunnel, string? Problem)> OpenAsync(CancellationToken stopping)
    {
        using var limit = new CancellationTokenSource(OpenLimit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, stopping);
        try
        {
            return (await dialer.OpenTunnelAsync(token.Reveal(), either.Token), null);
        }
        catch (DialException e)
        {
            return (null, e.Message);
        }
        catch (OperationCanceledException) when (!stopping.IsCancellationRequested)
        {
            return (null, $"the gateway did not open a tunnel within {OpenLimit.TotalSeconds} s");
        }
    }

    private async Task SendHeadAsync(TunnelStream tunnel, string target, CancellationToken stopping)
    {
        // Large enough from the start: a buffer that grows leaves copies of the token behind.
        var user = Encoding.UTF8.GetBytes(sessionId);
        var credentials = new byte[user.Length + 1 + token.Length];
        var head = new ArrayBufferWriter<byte>(target.Length + (2 * credentials.Length) + 256);
        try
        {
            user.CopyTo(credentials, 0);
            credentials[user.Length] = (byte)':';
            token.Reveal().CopyTo(credentials.AsMemory(user.Length + 1));
            ConnectRequest.Write(head, target, credentials);
            await tunnel.WriteSecretAsync(head.WrittenMemory, stopping);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(credentials);
            head.Clear();
        }
    }

    private static string BadGateway(string problem)
    {
        var body = $"fairlead: {problem}.\n";
        return $"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\n"
            + $"Connection: close\r\n\r\n{body}";
    }
}
