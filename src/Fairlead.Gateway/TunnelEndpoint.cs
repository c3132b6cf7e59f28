using System.Text;
using Fairlead.Gateway.Audit;
using Fairlead.Gateway.Sessions;
using Fairlead.Gateway.Telemetry;
using Fairlead.Gateway.Tunnels;
using Fairlead.Gateway.Upstream;
using Fairlead.Wire;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;

namespace Fairlead.Gateway;

/// <summary>
/// STORY 1: one tunnel.
/// <code>1 who calls   2 upgrade   3 where to   4 the second authentication   5 may it be dialled at all   6 open   7 serve until it ends   8 audit, on every path</code>
/// </summary>
internal sealed class TunnelEndpoint(
    SessionRegistry sessions, TunnelListener inner, UpstreamDialer dialer, PassthroughTunnel passthrough, AuditLog audit, GatewayMetrics metrics, TimeProvider time, ILogger<TunnelEndpoint> logger)
{
    // The peer has this long to send its CONNECT, to read our last words, and to answer our close frame.
    private static readonly TimeSpan HeadTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan CloseTimeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan AbortTimeout = TimeSpan.FromSeconds(1);

    /// <summary>What the CONNECT was found to be.</summary>
    private sealed record Asked(HostPort? Destination, ReadOnlyMemory<byte> Early, (int Status, Outcome Outcome, string Why)? Refusal);

    public async Task HandleAsync(HttpContext context)
    {
        var began = time.GetTimestamp();
        var now = time.GetUtcNow();
        var record = new TunnelRecord { Time = now, Tunnel = Guid.CreateVersion7(now).ToString("N"), Outcome = Outcome.InternalError };
        TunnelStream? stream = null;
        SessionLease? taken = null;
        try
        {
            // 1. Who calls.
            var (lease, why) = await sessions.AuthenticateAsync(context.Request.Headers.Authorization, context.RequestAborted);
            record = record with { Session = lease?.Current.Id };
            if (lease is null)
            {
                await RefuseUpgradeAsync(context, record, Outcome.Unauthenticated, 401, why);
                return;
            }

            // What a tunnel takes is taken before anything is given to it. Who is told so inside holds a connection; so are few, and the others at once.
            taken = lease;
            var limit = lease.TakeTunnel(out var isFarBeyond);
            if (isFarBeyond)
            {
                await RefuseUpgradeAsync(context, record, Outcome.Limited, 429, limit!);
                return;
            }

            // 2. Upgrade.
            stream = await UpgradeAsync(context, record);
            if (stream is null) return;

            // 3. Where to. 4. The second authentication. 5. May it be dialled at all.
            var asked = await ReadConnectAsync(stream, lease.Current, context.RequestAborted);
            record = record with { Host = asked.Destination?.Host, Port = asked.Destination?.Port };
            if ((asked.Refusal ?? Limited(limit)) is { } refusal)
            {
                await RefuseConnectAsync(stream, record, refusal, context.RequestAborted);
                return;
            }

            // 6. Open. Policy is asked for each request inside, where a refusal can be explained; nothing is dialled before it.
            record.Status = 200;
            await stream.WriteAsync("HTTP/1.1 200 Connection Established\r\n\r\n"u8.ToArray(), context.RequestAborted);
            logger.TunnelOpened(record.Tunnel, asked.Destination!.ToString(), record.Session!);

            // 7. Serve until it ends: by either side, or with its session.
            var tunnel = new Tunnel(record.Tunnel, lease, asked.Destination, notice => stream.TrySendNotice(notice));
            if (lease.Current.PassesThrough(asked.Destination) is not null)
                await PassThroughAsync(context, stream, tunnel, lease, asked.Early, record);
            else
                await InterceptAsync(context, stream, tunnel, lease, asked.Early, record);
            if (tunnel.WhyCut is { } cut) (record.Outcome, record.Detail) = (tunnel.IsRevoked ? Outcome.SessionRevoked : Outcome.Limited, cut);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            record.Outcome = e is ProtocolException ? Outcome.BadRequest : Outcome.ClientAborted;
            record.Detail ??= e.Message;
            context.Abort();
        }
        catch (Exception e)
        {
            logger.TunnelFailed(record.Tunnel, e);
            context.Abort();
        }
        finally
        {
            // 8. One record, made of the values above.
            record.BytesIn = stream?.BytesRead ?? 0;
            record.BytesOut = stream?.BytesWritten ?? 0;
            record.Total = time.GetElapsedTime(began);
            taken?.ReturnTunnel();
            metrics.Count(record);
            await audit.WriteAsync(record);
            if (stream is not null) await stream.DisposeAsync();
        }
    }

    private static async Task<TunnelStream?> UpgradeAsync(HttpContext context, TunnelRecord record)
    {
        var request = context.Request;
        var upgrade = context.Features.Get<IHttpUpgradeFeature>();
        var key = (string?)request.Headers.SecWebSocketKey;
        if (upgrade?.IsUpgradableRequest != true || !"websocket".Equals(request.Headers.Upgrade, StringComparison.OrdinalIgnoreCase) || key is null || !WebSocketHandshake.IsKey(key))
        {
            context.Response.Headers.Upgrade = "websocket";
            await RefuseUpgradeAsync(context, record, Outcome.BadRequest, 426, "expected a WebSocket upgrade (GET, Upgrade: websocket, Sec-WebSocket-Key)");
            return null;
        }

        if (request.Headers.SecWebSocketVersion != WebSocketHandshake.Version)
        {
            context.Response.Headers.SecWebSocketVersion = WebSocketHandshake.Version;
            await RefuseUpgradeAsync(context, record, Outcome.BadRequest, 426, $"expected WebSocket version {WebSocketHandshake.Version}");
            return null;
        }

        if (!MediaTypeIs(request.ContentType, Protocol.ChunkMediaType))
        {
            await RefuseUpgradeAsync(context, record, Outcome.BadRequest, 415, $"expected Content-Type: {Protocol.ChunkMediaType}");
            return null;
        }

        context.Response.StatusCode = StatusCodes.Status101SwitchingProtocols;
        context.Response.Headers.Connection = "Upgrade";
        context.Response.Headers.Upgrade = "websocket";
        context.Response.Headers.SecWebSocketAccept = WebSocketHandshake.AcceptFor(key);
        var knowsEndOfData = request.Headers[Protocol.TunnelHeader] == Protocol.TunnelVersion;
        if (knowsEndOfData) context.Response.Headers[Protocol.TunnelHeader] = Protocol.TunnelVersion;
        var knowsNotices = request.Headers[Protocol.NoticeHeader] == Protocol.NoticeVersion;
        if (knowsNotices) context.Response.Headers[Protocol.NoticeHeader] = Protocol.NoticeVersion;
        context.Response.Headers[Protocol.GatewayHeader] = GatewayApp.Version;
        var upgraded = await upgrade.UpgradeAsync();
        return new TunnelStream(context.Features.Get<OuterConnection>()?.TakeOver() ?? upgraded, TunnelEnd.Gateway, knowsEndOfData, TimeProvider.System) { PeerKnowsNotices = knowsNotices };
    }

    private static bool MediaTypeIs(string? contentType, string expected) =>
        contentType is not null && contentType.Split(';')[0].Trim().Equals(expected, StringComparison.OrdinalIgnoreCase);

    private async Task<Asked> ReadConnectAsync(TunnelStream stream, Session session, CancellationToken clientLeft)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(clientLeft);
        limit.CancelAfter(HeadTimeout);
        var collected = new List<byte>();
        while (true)
        {
            Chunk? chunk;
            try
            {
                chunk = await stream.ReadChunkAsync(limit.Token);
            }
            catch (ProtocolException e)
            {
                return Refuse(400, Outcome.BadRequest, e.Message);
            }
            catch (OperationCanceledException) when (!clientLeft.IsCancellationRequested)
            {
                return Refuse(408, Outcome.BadRequest, $"expected a CONNECT within {HeadTimeout.TotalSeconds} s");
            }

            if (chunk is null) return Refuse(400, Outcome.BadRequest, "expected a CONNECT, got the end of the tunnel");
            if (chunk.Value.IsConnect)
            {
                // The structured form names its destination in fields; the bearer token is its one authentication.
                if (collected.Count > 0) return Refuse(400, Outcome.BadRequest, "expected one form of CONNECT, got both");
                return HostPort.TryCreate(chunk.Value.Host, chunk.Value.Port, out var structured, out var fault)
                    ? Judge(session, structured, chunk.Value.Data.ToArray())
                    : Refuse(400, Outcome.BadRequest, fault);
            }

            collected.AddRange(chunk.Value.Data.Span);
            var bytes = collected.ToArray();
            switch (ConnectRequest.Parse(bytes, out var request, out var headBytes, out var problem))
            {
                case ConnectHead.Incomplete: continue;
                case ConnectHead.Connect: break;
                default: return Refuse(400, Outcome.BadRequest, problem!);
            }

            if (!SessionRegistry.Confirms(session, request!.ProxyAuthorization))
                return Refuse(407, Outcome.AuthenticationMismatch, "expected Basic credentials of the session id and the token of the upgrade");
            return HostPort.TryParse(request.Target, out var destination, out problem)
                ? Judge(session, destination, bytes.AsMemory(headBytes))
                : Refuse(400, Outcome.BadRequest, problem);
        }
    }

    private Asked Judge(Session session, HostPort destination, ReadOnlyMemory<byte> early) => dialer.MayDial(destination, session.Policy.Addresses, out var reason)
        ? new Asked(destination, early, null)
        : new Asked(destination, early, (403, Outcome.AddressForbidden, $"{destination.Host} is {reason} and may never be dialled"));

    private static (int Status, Outcome Outcome, string Why)? Limited(string? limit) => limit is null ? null : (429, Outcome.Limited, limit);

    private static Asked Refuse(int status, Outcome outcome, string why) => new(null, default, (status, outcome, why));

    private async Task PassThroughAsync(HttpContext context, TunnelStream stream, Tunnel tunnel, SessionLease lease, ReadOnlyMemory<byte> early, TunnelRecord record)
    {
        using var cut = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, lease.Revoked);
        var isWhole = false;
        try
        {
            isWhole = await passthrough.ServeAsync(stream, tunnel, early, record, cut.Token);
        }
        catch (OperationCanceledException) when (lease.Revoked.IsCancellationRequested)
        {
            // Cut with its session, which the caller records.
        }

        if (isWhole && !lease.Revoked.IsCancellationRequested) await EndAsync(stream, limit => stream.WaitForCloseAsync(limit).AsTask());
        else await CutAsync(context, stream, limit => stream.WaitForCloseAsync(limit).AsTask());
    }

    private async Task InterceptAsync(HttpContext context, TunnelStream stream, Tunnel tunnel, SessionLease lease, ReadOnlyMemory<byte> early, TunnelRecord record)
    {
        await using var connection = new TunnelConnection(tunnel, stream, early);
        await using var onRevoked = lease.Revoked.Register(() => connection.Abort(new ConnectionAbortedException(lease.WhyEnded)));
        var receiving = connection.ReceiveAsync();
        if (connection.Finished.IsCompleted || !inner.Offer(connection)) connection.Abort();
        var gaveUp = await connection.Finished;
        if (Notices.WhyNoTls(tunnel) is { } notice) tunnel.Notify(notice);
        if (gaveUp is null)
        {
            // All that the inner server wrote is on its way: say so, and let the peer say the same.
            await EndAsync(stream, limit => receiving.WaitAsync(limit));
        }
        else
        {
            await CutAsync(context, stream, _ => Task.CompletedTask);
        }

        connection.StopReceiving();
        var broke = await receiving;
        record.Requests = tunnel.Requests;
        (record.Outcome, record.Detail) = Classify(tunnel, gaveUp, broke);
    }

    private async Task EndAsync(TunnelStream stream, Func<CancellationToken, Task> peerEnded)
    {
        using var limit = new CancellationTokenSource(CloseTimeout, time);
        try
        {
            await stream.CloseAsync(CloseCode.Normal, "", limit.Token);
            await peerEnded(limit.Token);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // The peer left without waiting for the end, or does not answer it; everything it could want was sent.
        }
    }

    private async Task CutAsync(HttpContext context, TunnelStream stream, Func<CancellationToken, Task> peerEnded)
    {
        using var limit = new CancellationTokenSource(AbortTimeout, time);
        try
        {
            await stream.CloseAsync(CloseCode.InternalError, "the connection behind the gateway broke", limit.Token);
            // A reset may overtake what was just written, a notice among it.
            await peerEnded(limit.Token);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // The peer does not read; the reset below tells it all the same.
        }

        context.Abort();
    }

    private static (Outcome Outcome, string? Detail) Classify(Tunnel tunnel, Exception? gaveUp, IOException? broke)
    {
        if (tunnel.ForeignServerName is { } name) return (Outcome.ServerNameMismatch, $"the workload asked by TLS for '{name}'");
        if (tunnel.NoLeaf is { } refusal) return (Outcome.TlsFailed, refusal.Detail is null ? refusal.Message : $"{refusal.Message} {refusal.Detail}");
        if (tunnel.MalformedRequest is { } malformed) return (Outcome.BadRequest, malformed);
        if (broke is ProtocolException) return (Outcome.BadRequest, broke.Message);
        if (broke is not null) return (Outcome.ClientAborted, broke.Message);
        if (!tunnel.HasTls) return (Outcome.TlsFailed, "no TLS was established: the tool does not trust the CA, speaks another protocol, or left");
        return gaveUp is null ? (Outcome.Completed, null) : (Outcome.GatewayAborted, gaveUp.Message);
    }

    private static async Task RefuseUpgradeAsync(HttpContext context, TunnelRecord record, Outcome outcome, int status, string why)
    {
        (record.Status, record.Outcome, record.Detail) = (status, outcome, why);
        context.Response.StatusCode = status;
        context.Response.ContentType = "text/plain; charset=utf-8";
        if (status == 401) context.Response.Headers.WWWAuthenticate = "Bearer";
        await context.Response.WriteAsync($"fairlead-gateway: {why} (tunnel {record.Tunnel})\n");
    }

    private static async Task RefuseConnectAsync(TunnelStream stream, TunnelRecord record, (int Status, Outcome Outcome, string Why) refusal, CancellationToken clientLeft)
    {
        (record.Status, record.Outcome, record.Detail) = refusal;
        var body = $"fairlead: {refusal.Why}.\n\n  tunnel id   {record.Tunnel}\n";
        var challenge = refusal.Status == 407 ? "Proxy-Authenticate: Basic realm=\"fairlead\"\r\n" : "";
        var phrase = refusal.Status switch { 403 => "Forbidden", 407 => "Proxy Authentication Required", 408 => "Request Timeout", 429 => "Too Many Requests", _ => "Bad Request" };
        var head = $"HTTP/1.1 {refusal.Status} {phrase}\r\n{challenge}{Protocol.ReasonHeader}: {Notice.NameOf(Notices.KindOf(refusal.Outcome))}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\nConnection: close\r\n\r\n";
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(clientLeft);
        limit.CancelAfter(CloseTimeout);
        try
        {
            await stream.WriteAsync(Encoding.UTF8.GetBytes(head + body), limit.Token);
            await stream.CloseAsync(CloseCode.Normal, "", limit.Token);
            // Until the peer answered the close: a connection that is reset with unread bytes could take our last words with it.
            while (await stream.ReadChunkAsync(limit.Token) is not null) { }
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // It left without waiting, or without an answer; the verdict stands.
        }
    }
}
