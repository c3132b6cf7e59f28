using Fairlead.Gateway.Audit;
using Fairlead.Gateway.Sessions;
using Fairlead.Gateway.Telemetry;
using Fairlead.Gateway.Tunnels;
using Fairlead.Wire;
using Microsoft.AspNetCore.Http.Features;

namespace Fairlead.Gateway;

/// <summary>
/// STORY 1, of a WebSocket: a relay's connection and the tunnels that it carries, one after another. What a tunnel is, <see cref="ConnectHandler"/> tells.
/// <code>1 who calls   2 upgrade   3 wait for a CONNECT   4 who calls now   5 its tunnel   6 once more, or close</code>
/// Where the relay does not know reuse, or the session has no place left to wait in, it is at 5 at once, and at the end after it.
/// </summary>
internal sealed class TunnelEndpoint(SessionRegistry sessions, ConnectHandler connects, Parking parking, GatewayMetrics metrics, TimeProvider time)
{
    private static readonly TimeSpan CloseTimeout = TimeSpan.FromSeconds(1);

    public async Task HandleAsync(HttpContext context)
    {
        TunnelStream? stream = null;
        SessionLease? lease = null;
        bool isParked = false, isWhole = false;
        try
        {
            await connects.RecordAsync(context, async entry =>
            {
                // 1. Who calls.
                (lease, var why) = await sessions.AuthenticateAsync(context.Request.Headers.Authorization, context.RequestAborted);
                entry.Record = entry.Record with { Session = lease?.Current.Id };
                if (lease is null)
                {
                    await RefuseUpgradeAsync(context, entry.Record, Outcome.Unauthenticated, 401, why);
                    return;
                }

                // What is taken is taken before anything is given: a place to wait in, or a tunnel. Who is told of a limit inside holds a connection; so are few, and the others at once.
                isParked = KnowsReuse(context.Request) && parking.TryEnter(lease);
                var isFarBeyond = false;
                var limit = isParked ? null : entry.Take(lease, out isFarBeyond);
                if (isFarBeyond)
                {
                    await RefuseUpgradeAsync(context, entry.Record, Outcome.Limited, 429, limit!);
                    return;
                }

                // 2. Upgrade.
                stream = await UpgradeAsync(context, entry.Record, isParked);
                if (stream is null) return;
                metrics.CountWebSocket();
                if (isParked) entry.Withdraw();
                else isWhole = await connects.ServeAsync(context, entry, stream, first: null, lease, limit);
            });

            while (stream is not null && lease is not null && (isParked || isWhole))
            {
                // 6. Once more, when this tunnel ended in order, the relay wants to, and there is room.
                if (isWhole && (isParked = parking.TryEnter(lease)) && await NextAsync(stream, context.RequestAborted) is { } next) (stream, isWhole) = (next, false);

                // 3. Wait for a CONNECT.
                var first = isWhole ? null : await parking.WaitAsync(stream, lease, context.RequestAborted);
                if (isParked) Parking.Leave(lease);
                isParked = isWhole = false;
                if (first is null) await CloseAsync(stream);
                else isWhole = await ServeNextAsync(context, stream, first, lease);
            }

            // The relay does not answer, or closed nothing itself.
            if (stream?.IsReusable == true) await CloseAsync(stream);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // No tunnel is open, and so none is cut: the relay left, or broke the protocol.
            context.Abort();
        }
        finally
        {
            if (isParked) Parking.Leave(lease!);
            if (stream is not null) await stream.DisposeAsync();
        }
    }

    private async Task<bool> ServeNextAsync(HttpContext context, TunnelStream stream, Chunk? first, SessionLease lease)
    {
        var isWhole = false;
        await connects.RecordAsync(context, async entry =>
        {
            entry.Stream = stream;
            // 4. Who calls now: time has passed since the upgrade. The session's limits are those of now, too.
            var (current, why) = await sessions.AuthenticateAsync(context.Request.Headers.Authorization, context.RequestAborted);
            if (current != lease)
            {
                // Without an answer: the relay asks again on a WebSocket of its own, and is told there.
                (entry.Record.Status, entry.Record.Outcome, entry.Record.Detail) = (401, Outcome.Unauthenticated, current is null ? why : "the token is another session's by now");
                context.Abort();
                return;
            }

            entry.Record = entry.Record with { Session = lease.Current.Id };
            var limit = entry.Take(lease, out var isFarBeyond);
            if (isFarBeyond)
            {
                (entry.Record.Status, entry.Record.Outcome, entry.Record.Detail) = (429, Outcome.Limited, limit);
                context.Abort();
                return;
            }

            // 5. Its tunnel.
            isWhole = await connects.ServeAsync(context, entry, stream, first, lease, limit);
        });
        return isWhole;
    }

    private async Task<TunnelStream?> NextAsync(TunnelStream stream, CancellationToken clientLeft)
    {
        using var limit = new CancellationTokenSource(ConnectHandler.CloseTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, clientLeft);
        try
        {
            return await stream.NextAsync(either.Token);
        }
        catch (OperationCanceledException)
        {
            return null;
        }
    }

    private async Task CloseAsync(TunnelStream stream)
    {
        using var limit = new CancellationTokenSource(CloseTimeout, time);
        try
        {
            await stream.CloseAsync(CloseCode.Normal, "", limit.Token);
            await stream.WaitForCloseAsync(limit.Token);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // It does not answer, and nothing was left to be said.
        }
    }

    private static async Task<TunnelStream?> UpgradeAsync(HttpContext context, TunnelRecord record, bool mayWait)
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
        var knowsEndOfData = Agree(context, Protocol.TunnelHeader, Protocol.TunnelVersion);
        var knowsNotices = Agree(context, Protocol.NoticeHeader, Protocol.NoticeVersion);
        var knowsReuse = mayWait && Agree(context, Protocol.ReuseHeader, Protocol.ReuseVersion);
        context.Response.Headers[Protocol.GatewayHeader] = GatewayApp.Version;
        var upgraded = await upgrade.UpgradeAsync();
        return new TunnelStream(context.Features.Get<OuterConnection>()?.TakeOver() ?? upgraded, TunnelEnd.Gateway, knowsEndOfData, TimeProvider.System) { PeerKnowsNotices = knowsNotices, CarriesReuse = knowsReuse, FoundBroken = context.Abort };
    }

    // Without the end of data as a chunk of its own, the end of a tunnel is that of its WebSocket.
    private static bool KnowsReuse(HttpRequest request) =>
        request.Headers[Protocol.ReuseHeader] == Protocol.ReuseVersion && request.Headers[Protocol.TunnelHeader] == Protocol.TunnelVersion;

    // What both ends say in the same words, both do.
    private static bool Agree(HttpContext context, string header, string version)
    {
        var knows = context.Request.Headers[header] == version;
        if (knows) context.Response.Headers[header] = version;
        return knows;
    }

    private static bool MediaTypeIs(string? contentType, string expected) =>
        contentType is not null && contentType.Split(';')[0].Trim().Equals(expected, StringComparison.OrdinalIgnoreCase);

    private static async Task RefuseUpgradeAsync(HttpContext context, TunnelRecord record, Outcome outcome, int status, string why)
    {
        (record.Status, record.Outcome, record.Detail) = (status, outcome, why);
        context.Response.StatusCode = status;
        context.Response.ContentType = "text/plain; charset=utf-8";
        if (status == 401) context.Response.Headers.WWWAuthenticate = "Bearer";
        await context.Response.WriteAsync($"fairlead-gateway: {why} (tunnel {record.Tunnel})\n");
    }
}
