using System.Buffers;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Fairlead.Relay.Startup;
using Fairlead.Relay.Status;
using Fairlead.Relay.Tunnel;
using Fairlead.Wire;

namespace Fairlead.Relay;

/// <summary>
/// STORY 2: one tool's connection, from its CONNECT to its end.
/// <list type="number">
/// <item>Whose is it? Then read the head; anything but a CONNECT is answered here.</item>
/// <item>Ask for a tunnel on a WebSocket that is ready, and tell the tool ahead what the gateway said the last time; else open one to the gateway.</item>
/// <item>Hand over: the head with the session's credentials where it was not sent yet, then the bytes that came behind the tool's head.</item>
/// <item>Pump both ways at once.</item>
/// <item>Close, so that a cut stream never looks whole, or keep the WebSocket for the next tunnel.</item>
/// </list>
/// </summary>
/// <param name="opener">The way to the gateway.</param>
/// <param name="sessionId">The user name of the second authentication.</param>
/// <param name="token">The bearer token, and the password of the second authentication.</param>
/// <param name="idleLimit">How long a tunnel may carry no byte.</param>
/// <param name="status">Is told of each tunnel and of what was refused or failed.</param>
/// <param name="peers">Who may connect.</param>
/// <param name="log">Takes a line for each tunnel.</param>
/// <param name="time">The clock of the limits.</param>
internal sealed class ConnectSession(
    TunnelOpener opener, string sessionId, SessionToken token, TimeSpan idleLimit, RelayStatus status, LocalPeer peers, RelayLog log, TimeProvider time)
{
    private static readonly TimeSpan HeadLimit = TimeSpan.FromSeconds(10);

    private readonly KnownTargets _known = new();

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
        if (status.IsDraining)
        {
            status.Record(NoticeKind.Local, HostPort.Printable(request.Target), "the relay is ending and opens no more tunnels.", "Start a relay again.");
            await LocalAnswer.SendAsync(tool, Answer("503 Service Unavailable", "the relay is ending and opens no more tunnels"), stopping);
            return;
        }

        // 2. The tunnel. Of what the tool says nothing but a ClientHello goes out before the gateway has answered on a WebSocket that was idle: should that be dead, the CONNECT
        // is sent again on a new one, and nothing that counts can be there twice. Where the tool is told nothing yet, a failure can be told in words.
        using var tracked = status.Track(request.Target);
        var words = new FirstWords(early);
        var answered = await opener.AskReadyAsync(
            async (stream, limit) =>
            {
                var isKnown = _known.Contains(request.Target);
                if (isKnown) await words.TellAsync(tool, limit);
                await SendHeadAsync(stream, request.Target, limit);
                if (!isKnown) return;
                await words.ListenAsync(tool, time, limit);
                await stream.WriteAsync(words.Hello, limit);
            },
            stopping);
        var (tunnel, failure) = answered is { } ready ? (ready.Tunnel, null) : await opener.OpenAsync(token.Reveal(), stopping);
        if (tunnel is null)
        {
            tracked.Failed(failure!.Kind, $"{failure.Problem}.", Remedies.For(failure.Kind));
            log.Tunnel(request.Target, $"502, {failure.Problem}", 0, 0);
            _known.Learn(request.Target, isEstablished: false);
            if (words.Told > 0) Reset(tool);
            else await LocalAnswer.SendAsync(tool, Answer("502 Bad Gateway", failure.Problem), stopping);
            return;
        }

        await using (tunnel)
        {
            tracked.Opened(tunnel, opener.GatewayVersion);
            TunnelPump pump;
            try
            {
                // 3. The hand-over.
                if (answered is null) await SendHeadAsync(tunnel, request.Target, stopping);
                await tunnel.WriteAsync(answered is null ? words.All : words.Rest, stopping);
                opener.Prepare();

                // 4. The pump.
                pump = new TunnelPump(tool, tunnel, words.Told, idleLimit, time)
                {
                    First = answered?.Answer,
                    Answered = refusal =>
                    {
                        _known.Learn(request.Target, isEstablished: refusal is null);
                        if (refusal is not null) tracked.Failed(refusal.Kind, refusal.Message, Remedies.For(refusal.Kind));
                    },
                };
                await pump.RunAsync(stopping);
            }
            catch (TunnelAbortedException e)
            {
                pump = TunnelPump.BrokenAtOnce(tool, tunnel, words.Told, time, e.Message);
            }

            // 5. The end.
            if (!pump.WasAnswered) _known.Learn(request.Target, isEstablished: false);
            await CloseAsync(tool, tunnel, pump, stopping);
            Explain(tracked, pump, isStopping: stopping.IsCancellationRequested);
            log.Tunnel(request.Target, pump.Outcome, tunnel.BytesWritten, pump.BytesToTool);
        }
    }

    private static void Explain(RelayStatus.TrackedTunnel tracked, TunnelPump pump, bool isStopping)
    {
        if (pump.WasIdle) tracked.Failed(NoticeKind.Timeout, $"{pump.Outcome}.", "Raise --idle-timeout if the tool means to be silent for so long.");
        else if (!pump.WasRefused && !pump.IsWhole && !pump.ToolLeft && !isStopping) tracked.Failed(NoticeKind.Gateway, $"the tunnel broke: {pump.Outcome}.", Remedies.For(NoticeKind.Gateway));
    }

    private async Task CloseAsync(Socket tool, TunnelStream tunnel, TunnelPump pump, CancellationToken stopping)
    {
        if (pump.BytesToTool == 0 && !pump.ToolLeft && !stopping.IsCancellationRequested)
        {
            await pump.AbortTunnelAsync();
            await LocalAnswer.SendAsync(tool, Answer("502 Bad Gateway", $"the gateway opened a tunnel and gave no answer: {pump.Outcome}"), stopping);
        }
        else if (pump.IsWhole)
        {
            await LocalAnswer.CloseGentlyAsync(tool, stopping);
            tool.Close();
            await KeepOrCloseAsync(tunnel, pump, stopping);
        }
        else
        {
            // A reset, and no close frame of the normal kind: neither side may take what it got for the whole stream.
            Reset(tool);
            if (pump.ToolLeft) await KeepOrCloseAsync(tunnel, pump, stopping);
            else await pump.AbortTunnelAsync();
        }
    }

    private static void Reset(Socket tool)
    {
        tool.LingerState = new LingerOption(enable: true, seconds: 0);
        tool.Close();
    }

    private async Task KeepOrCloseAsync(TunnelStream tunnel, TunnelPump pump, CancellationToken stopping)
    {
        if (!pump.MayBeKept || !await opener.TryKeepAsync(tunnel, stopping)) await pump.CloseTunnelAsync();
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
                        await AnswerOtherAsync(tool, head.AsMemory(0, length), problem!, stopping);
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

    /// <summary>Answers what is no CONNECT: the relay's own page, or why it is refused.</summary>
    private async Task AnswerOtherAsync(Socket tool, ReadOnlyMemory<byte> head, string problem, CancellationToken stopping)
    {
        if (StatusPage.Answer(head.Span, ((IPEndPoint)tool.LocalEndPoint!).Port, status) is { } page)
        {
            await LocalAnswer.SendAsync(tool, page, stopping);
            return;
        }

        status.Record(NoticeKind.Local, "", $"a request that is no CONNECT: {problem}.", "Only HTTPS goes through the relay: a tool must have it as its proxy for HTTPS, not for HTTP.");
        await LocalAnswer.SendAsync(tool, $"HTTP/1.1 405 Method Not Allowed\r\n\r\nfairlead: this is a CONNECT proxy for HTTPS; {problem}.\n", stopping);
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

    private static string Answer(string statusLine, string problem)
    {
        var body = $"fairlead: {problem}.\n";
        return $"HTTP/1.1 {statusLine}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\n"
            + $"Connection: close\r\n\r\n{body}";
    }
}
