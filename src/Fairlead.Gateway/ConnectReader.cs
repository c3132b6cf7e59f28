using Fairlead.Gateway.Audit;
using Fairlead.Gateway.Sessions;
using Fairlead.Gateway.Upstream;
using Fairlead.Wire;

namespace Fairlead.Gateway;

/// <summary>Reads a CONNECT, in either of its forms, and says whether there may be a tunnel: where to, whether the second authentication holds, whether the address may be dialled at all.</summary>
internal sealed class ConnectReader(UpstreamDialer dialer)
{
    // From its first bytes on, or from the upgrade where nothing waits.
    private static readonly TimeSpan HeadTimeout = TimeSpan.FromSeconds(10);

    /// <summary>What the CONNECT was found to be.</summary>
    /// <param name="Destination">Where to; null when that was not understood.</param>
    /// <param name="Early">Bytes that came together with it and are the tunnel's.</param>
    /// <param name="Refusal">Why there is no tunnel, or null.</param>
    internal sealed record Asked(HostPort? Destination, ReadOnlyMemory<byte> Early, (int Status, Outcome Outcome, string Why)? Refusal);

    /// <param name="stream">Where it comes from.</param>
    /// <param name="first">The first chunk when that was read already; valid until the next is read.</param>
    /// <param name="session">Who asks.</param>
    /// <param name="clientLeft">The relay is gone.</param>
    public async Task<Asked> ReadAsync(TunnelStream stream, Chunk? first, Session session, CancellationToken clientLeft)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(clientLeft);
        limit.CancelAfter(HeadTimeout);
        var collected = new List<byte>();
        for (var next = first; ; next = null)
        {
            Chunk? chunk;
            try
            {
                chunk = next ?? await stream.ReadChunkAsync(limit.Token);
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

    private static Asked Refuse(int status, Outcome outcome, string why) => new(null, default, (status, outcome, why));
}
