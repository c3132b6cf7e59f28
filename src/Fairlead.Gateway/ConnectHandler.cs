using System.Text;
using Fairlead.Gateway.Audit;
using Fairlead.Gateway.Sessions;
using Fairlead.Gateway.Telemetry;
using Fairlead.Gateway.Tunnels;
using Fairlead.Wire;
using Microsoft.AspNetCore.Connections;

namespace Fairlead.Gateway;

/// <summary>
/// STORY 1, of a tunnel: one CONNECT and what comes of it. The WebSocket it comes by is <see cref="TunnelEndpoint"/>'s.
/// <code>1 where to   2 the second authentication   3 may it be dialled at all   4 open   5 serve until it ends   6 audit, on every path</code>
/// </summary>
internal sealed class ConnectHandler(
    ConnectReader reader, TunnelListener inner, PassthroughTunnel passthrough, IAudit audit, GatewayMetrics metrics, TimeProvider time, ILogger<ConnectHandler> logger)
{
    /// <summary>The peer has this long to read our last words, and to answer our close frame.</summary>
    public static readonly TimeSpan CloseTimeout = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan AbortTimeout = TimeSpan.FromSeconds(1);

    // What a workload still sends to whom TLS was passed through to, and who has left.
    private const int MaxDroppedBytes = 256 * 1024;

    /// <summary>Does what belongs to one tunnel. Whatever happens, the connection lives on only after an end in order, and one record is left.</summary>
    /// <param name="context">The relay's connection.</param>
    /// <param name="serve">What is to be done; it fills the record in.</param>
    public async Task RecordAsync(HttpContext context, Func<TunnelEntry, Task> serve)
    {
        // 6. One record, made of the values below.
        await using var entry = new TunnelEntry(audit, metrics, time);
        try
        {
            await serve(entry);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            entry.Record.Outcome = e is ProtocolException ? Outcome.BadRequest : Outcome.ClientAborted;
            entry.Record.Detail ??= e.Message;
            context.Abort();
        }
        catch (Exception e)
        {
            logger.TunnelFailed(entry.Record.Tunnel, e);
            context.Abort();
        }
    }

    /// <summary>Serves one tunnel until it ends.</summary>
    /// <param name="context">The relay's connection.</param>
    /// <param name="entry">Its record. The tunnel is taken already.</param>
    /// <param name="stream">Its bytes; it stays the caller's.</param>
    /// <param name="first">The first chunk of the CONNECT when that was read already.</param>
    /// <param name="lease">Who asks.</param>
    /// <param name="limit">Which limit of the session is in the way, or null.</param>
    /// <returns>True when it ended in order, so that the WebSocket may carry another one; else that is closed, or to be closed.</returns>
    public async Task<bool> ServeAsync(HttpContext context, TunnelEntry entry, TunnelStream stream, Chunk? first, SessionLease lease, string? limit)
    {
        // 1. Where to. 2. The second authentication. 3. May it be dialled at all.
        entry.Stream = stream;
        var asked = await reader.ReadAsync(stream, first, lease.Current, context.RequestAborted);
        var record = entry.Record = entry.Record with { Host = asked.Destination?.Host, Port = asked.Destination?.Port };
        if ((asked.Refusal ?? Limited(limit)) is { } refusal)
        {
            await RefuseConnectAsync(stream, record, refusal, context.RequestAborted);
            return false;
        }

        // 4. Open. Policy is asked for each request inside, where a refusal can be explained; nothing is dialled before it.
        record.Status = 200;
        await stream.WriteAsync("HTTP/1.1 200 Connection Established\r\n\r\n"u8.ToArray(), context.RequestAborted);
        logger.TunnelOpened(record.Tunnel, asked.Destination!.ToString(), record.Session!);

        // 5. Serve until it ends: by either side, or with its session.
        var tunnel = new Tunnel(record.Tunnel, lease, asked.Destination, notice => stream.TrySendNotice(notice));
        if (lease.Current.PassesThrough(asked.Destination) is not null)
            await PassThroughAsync(context, stream, tunnel, lease, asked.Early, entry);
        else
            await InterceptAsync(context, stream, tunnel, lease, asked.Early, entry);
        if (tunnel.WhyCut is { } cut) (record.Outcome, record.Detail) = (tunnel.IsRevoked ? Outcome.SessionRevoked : Outcome.Limited, cut);
        return record.Outcome == Outcome.Completed && stream.IsWhole;
    }

    private static (int Status, Outcome Outcome, string Why)? Limited(string? limit) => limit is null ? null : (429, Outcome.Limited, limit);

    private async Task PassThroughAsync(HttpContext context, TunnelStream stream, Tunnel tunnel, SessionLease lease, ReadOnlyMemory<byte> early, TunnelEntry entry)
    {
        var record = entry.Record;
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

        if (isWhole && !lease.Revoked.IsCancellationRequested) await EndAsync(stream, entry, record.Outcome == Outcome.Completed, limit => stream.CarriesReuse ? stream.DropToEndAsync(MaxDroppedBytes, limit).AsTask() : stream.WaitForCloseAsync(limit).AsTask());
        else await CutAsync(context, stream, limit => stream.WaitForCloseAsync(limit).AsTask());
    }

    private async Task InterceptAsync(HttpContext context, TunnelStream stream, Tunnel tunnel, SessionLease lease, ReadOnlyMemory<byte> early, TunnelEntry entry)
    {
        var record = entry.Record;
        await using var connection = new TunnelConnection(tunnel, stream, early);
        await using var onRevoked = lease.Revoked.Register(() => connection.Abort(new ConnectionAbortedException(lease.WhyEnded)));
        var receiving = connection.ReceiveAsync();
        if (connection.Finished.IsCompleted || !inner.Offer(connection)) connection.Abort();
        var gaveUp = await connection.Finished;
        if (Notices.WhyNoTls(tunnel) is { } notice) tunnel.Notify(notice);
        if (gaveUp is null)
        {
            // All that the inner server wrote is on its way: say so, and let the peer say the same.
            await EndAsync(stream, entry, Classify(tunnel, gaveUp, broke: null).Outcome == Outcome.Completed, limit => receiving.WaitAsync(limit));
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

    private async Task EndAsync(TunnelStream stream, TunnelEntry entry, bool mayGoOn, Func<CancellationToken, Task> peerEnded)
    {
        using var limit = new CancellationTokenSource(CloseTimeout, time);
        entry.GiveBack();
        try
        {
            if (mayGoOn && stream.CarriesReuse) await stream.EndTunnelAsync(limit.Token);
            else await stream.CloseAsync(CloseCode.Normal, "", limit.Token);
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
