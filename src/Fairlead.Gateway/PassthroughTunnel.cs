using Fairlead.Gateway.Audit;
using Fairlead.Gateway.Interception;
using Fairlead.Gateway.Policy;
using Fairlead.Gateway.Tunnels;
using Fairlead.Gateway.Upstream;
using Fairlead.Wire;

namespace Fairlead.Gateway;

/// <summary>
/// STORY 1, where TLS is not opened: one tunnel as a whole.
/// <code>1 the ClientHello   2 its name   3 decide   4 dial   5 both ways   (6 audit: by the tunnel's endpoint)</code>
/// </summary>
internal sealed class PassthroughTunnel(UpstreamDialer dialer, IAudit audit)
{
    // As long as a tool has for its handshake where TLS is opened.
    private static readonly TimeSpan HelloTimeout = TimeSpan.FromSeconds(15);

    // RFC 8446 §6.2.
    private const byte DecodeError = 50;
    private const byte AccessDenied = 49;
    private const byte UnrecognizedName = 112;

    /// <summary>Serves a tunnel until it ends. What became of it stands in the record.</summary>
    /// <param name="stream">The tunnel's bytes; it stays the caller's.</param>
    /// <param name="tunnel">Whose it is, and where to.</param>
    /// <param name="early">Bytes that came together with the CONNECT.</param>
    /// <param name="record">Is filled in.</param>
    /// <param name="cancellationToken">Cuts the tunnel.</param>
    /// <returns>True when it ended in order, false when the workload must not take what it got for whole.</returns>
    public async Task<bool> ServeAsync(TunnelStream stream, Tunnel tunnel, ReadOnlyMemory<byte> early, TunnelRecord record, CancellationToken cancellationToken)
    {
        // 1. The ClientHello. 2. Its name.
        var (hello, bytes, problem) = await ReadHelloAsync(stream, early, cancellationToken);
        if (hello is null) return await RefuseAsync(stream, tunnel, record, DecodeError, Outcome.TlsFailed, $"no TLS was begun: {problem}", cancellationToken);
        if (hello.HidesName)
            return await RefuseAsync(stream, tunnel, record, AccessDenied, Outcome.ServerNameMismatch, "the ClientHello can hide a second server name (Encrypted ClientHello)", cancellationToken);
        if (WhyForeign(hello.ServerName, tunnel.Destination) is { } foreign)
            return await RefuseAsync(stream, tunnel, record, UnrecognizedName, Outcome.ServerNameMismatch, foreign, cancellationToken);

        // 3. Decide, by the configuration that is in force now. Closed on doubt: what cannot be recorded is not sent.
        var session = tunnel.Session;
        var policy = session.Policy;
        if (session.PassesThrough(tunnel.Destination) is not { } decision)
            return Fail(tunnel, record, Outcome.GatewayAborted, "the policy changed, and no longer passes this host through.", "Try again: the tunnel is intercepted now.");
        record.Passthrough = new PassthroughRecord(policy.Name, policy.Hash, decision);
        if (!await audit.IntendAsync(record, record.Passthrough, cancellationToken))
            return Fail(tunnel, record, Outcome.AuditUnavailable, "the audit cannot be written, so nothing is forwarded.", "Tell the operator of the gateway; its log says why.");

        // 4. Dial.
        try
        {
            await using var upstream = await dialer.ConnectAsync(session.Root, tunnel.Destination, policy.Addresses, cancellationToken);

            // 5. Both ways, for as long as the policy says the same.
            var judged = policy;
            var splice = new Splice(stream, upstream, count => tunnel.Spend(count) is null && IsStillPassed(tunnel, ref judged));
            return Conclude(await splice.RunAsync(bytes, cancellationToken), splice.Problem, tunnel, record);
        }
        catch (UpstreamException e)
        {
            var (outcome, _, hop) = UpstreamOutcome.Of(e.Failure);
            return Fail(tunnel, record, outcome, $"the upstream could not be reached ({hop}): {e.Message}.", UpstreamOutcome.RemedyFor(outcome));
        }
    }

    private static async Task<(ClientHello? Hello, ReadOnlyMemory<byte> Bytes, string? Problem)> ReadHelloAsync(
        TunnelStream stream, ReadOnlyMemory<byte> early, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(HelloTimeout);
        var bytes = early.ToArray();
        try
        {
            while (true)
            {
                switch (ClientHello.Parse(bytes, out var hello, out var problem))
                {
                    case HelloState.Whole: return (hello, bytes, null);
                    case HelloState.Malformed: return (null, bytes, problem);
                }

                if (await stream.ReadChunkAsync(limit.Token) is not { } chunk) return (null, bytes, "the tool left before its ClientHello was whole");
                if (chunk.IsConnect) throw new ProtocolException("expected CONNECT in the first chunk only");
                bytes = [.. bytes, .. chunk.Data.Span];
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return (null, bytes, $"expected a whole ClientHello within {HelloTimeout.TotalSeconds} s, got {bytes.Length} bytes");
        }
    }

    private static string? WhyForeign(string? name, HostPort destination)
    {
        // RFC 6066 §3: an address is no server name, so a tool that goes to one names none.
        if (name is null) return destination.Address is null ? $"the tool asked by TLS for no server name, expected {destination.Host}" : null;
        return HostPort.TryCanonicalHost(name, out var canonical, out _, out _) && canonical == destination.Host ? null : $"the tool asked by TLS for '{HostPort.Printable(name)}'";
    }

    // An alert in the clear is what TLS itself says before it has keys; nothing else may follow the 200.
    private static async Task<bool> RefuseAsync(
        TunnelStream stream, Tunnel tunnel, TunnelRecord record, byte alert, Outcome outcome, string why, CancellationToken cancellationToken)
    {
        if (!stream.IsClosedByPeer) await stream.WriteAsync((byte[])[21, 3, 3, 0, 2, 2, alert], cancellationToken);
        (record.Outcome, record.Detail) = (outcome, why);
        var remedy = outcome == Outcome.TlsFailed
            ? "Speak TLS on this host: the gateway passes it through unopened, and nothing else."
            : "Open a tunnel of its own for each host, with its name in the clear. Browsers hide it: use another tool for this host, or have it taken out of tls.passthrough.";
        tunnel.Notify(new Notice(NoticeKind.Request, tunnel.Destination.ToString(), $"{why}.") { WhatToDo = remedy, RequestId = tunnel.Id });
        return true;
    }

    private static bool Fail(Tunnel tunnel, TunnelRecord record, Outcome outcome, string why, string remedy)
    {
        (record.Outcome, record.Detail) = (outcome, why.TrimEnd('.'));
        tunnel.Notify(new Notice(Notices.KindOf(outcome), tunnel.Destination.ToString(), why) { WhatToDo = remedy, RequestId = tunnel.Id });
        return false;
    }

    private static bool Conclude(SpliceEnd end, string? problem, Tunnel tunnel, TunnelRecord record)
    {
        switch (end)
        {
            case SpliceEnd.Whole:
                record.Outcome = Outcome.Completed;
                return true;
            case SpliceEnd.WorkloadBroke:
                (record.Outcome, record.Detail) = (Outcome.ClientAborted, problem);
                return false;
            case SpliceEnd.UpstreamBroke:
                return Fail(tunnel, record, Outcome.UpstreamAborted, $"the upstream's connection broke: {problem}", "Try again; if it lasts, look at the upstream.");
            case SpliceEnd.Stopped when tunnel.WhyCut is { } why:
                return Fail(tunnel, record, Outcome.Limited, $"{why}.", "Ask the owner of the gateway's configuration for more.");
            default:
                return Fail(tunnel, record, Outcome.GatewayAborted, "the policy changed, and no longer passes this host through.", "Try again: the tunnel is intercepted now.");
        }
    }

    // A changed policy is asked once. One that reaches other addresses may not reach this one any more.
    private static bool IsStillPassed(Tunnel tunnel, ref RuleSet judged)
    {
        var session = tunnel.Session;
        var now = session.Policy;
        if (ReferenceEquals(now, judged)) return true;
        if (session.PassesThrough(tunnel.Destination) is null || !now.Addresses.Equals(judged.Addresses)) return false;
        judged = now;
        return true;
    }
}
