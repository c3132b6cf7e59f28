using System.Net;
using Fairlead.Wire;
using Microsoft.AspNetCore.Http.Features;

namespace Fairlead.Gateway.Upstream;

/// <summary>
/// A WebSocket asked for by the workload, over HTTP/1.1 (Upgrade, RFC 6455) or HTTP/2 (extended CONNECT, RFC 8441). Upstream it is always an
/// HTTP/1.1 upgrade. No other protocol can be upgraded to: h2c would be a tunnel past every check.
/// </summary>
internal sealed class UpgradeRequest
{
    private readonly HttpContext _context;
    private readonly IHttpExtendedConnectFeature? _extendedConnect;
    private readonly string? _key;

    private UpgradeRequest(HttpContext context, IHttpExtendedConnectFeature? extendedConnect)
    {
        _context = context;
        _extendedConnect = extendedConnect;
        _key = extendedConnect is null ? null : WebSocketHandshake.CreateKey();
    }

    /// <summary>The upgrade that a request asks for, or null.</summary>
    public static UpgradeRequest? Of(HttpContext context)
    {
        if (context.Features.Get<IHttpExtendedConnectFeature>() is { IsExtendedConnect: true } extended)
            return "websocket".Equals(extended.Protocol, StringComparison.OrdinalIgnoreCase) ? new UpgradeRequest(context, extended) : null;
        var isUpgradable = context.Features.Get<IHttpUpgradeFeature>()?.IsUpgradableRequest == true;
        // RFC 6455 §4.1: a handshake is a GET; another method goes out as itself, without the upgrade.
        return isUpgradable && HttpMethods.IsGet(context.Request.Method) && "websocket".Equals(context.Request.Headers.Upgrade, StringComparison.OrdinalIgnoreCase) ? new UpgradeRequest(context, null) : null;
    }

    /// <summary>True when a success other than 101 would tell the workload that its WebSocket is open (RFC 8441 §5).</summary>
    public bool IsExtendedConnect => _extendedConnect is not null;

    public void AddTo(HttpRequestMessage request)
    {
        request.Headers.TryAddWithoutValidation("Connection", "Upgrade");
        request.Headers.TryAddWithoutValidation("Upgrade", "websocket");
        if (_key is null) return;
        // RFC 8441 §5: over HTTP/2 the key is not used; the upstream needs one.
        request.Headers.Remove("Sec-WebSocket-Key");
        request.Headers.TryAddWithoutValidation("Sec-WebSocket-Key", _key);
        request.Headers.Remove("Sec-WebSocket-Version");
        request.Headers.TryAddWithoutValidation("Sec-WebSocket-Version", WebSocketHandshake.Version);
    }

    /// <summary>Answers the workload as the upstream answered us.</summary>
    /// <param name="response">The upstream's 101.</param>
    /// <returns>The workload's side of the upgraded connection.</returns>
    /// <exception cref="UpstreamException">The upstream's answer does not belong to our key.</exception>
    public async Task<Stream> AcceptAsync(HttpResponseMessage response)
    {
        if (_extendedConnect is null)
        {
            _context.Response.StatusCode = (int)HttpStatusCode.SwitchingProtocols;
            return await _context.Features.GetRequiredFeature<IHttpUpgradeFeature>().UpgradeAsync();
        }

        var accept = response.Headers.NonValidated.TryGetValues("Sec-WebSocket-Accept", out var values) ? values.ToString() : "";
        if (accept != WebSocketHandshake.AcceptFor(_key!)) throw new UpstreamException(UpstreamFailure.Protocol, "the answer to the WebSocket upgrade does not belong to it");
        // RFC 8441 §5: 200 in place of 101, and none of the three headers of the handshake.
        _context.Response.StatusCode = StatusCodes.Status200OK;
        _context.Response.Headers.Remove("Sec-WebSocket-Accept");
        _context.Response.Headers.Remove("Connection");
        _context.Response.Headers.Remove("Upgrade");
        return await _extendedConnect.AcceptAsync();
    }
}
