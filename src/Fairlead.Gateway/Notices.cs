using Fairlead.Gateway.Audit;
using Fairlead.Gateway.Tunnels;
using Fairlead.Wire;

namespace Fairlead.Gateway;

/// <summary>What the relay is told of things it cannot see, since they happen inside the tool's TLS: the sentence of the answer, never more than the audit has.</summary>
internal static class Notices
{
    /// <summary>About a request that ended.</summary>
    /// <param name="tunnel">Its tunnel.</param>
    /// <param name="record">What became of it.</param>
    /// <param name="answer">What the tool is told, or null when the upstream's answer had begun.</param>
    /// <returns>Null when nothing was refused and nothing failed.</returns>
    public static Notice? Of(Tunnel tunnel, RequestRecord record, Answer? answer)
    {
        if (answer is null && record.Outcome is Outcome.Completed or Outcome.Upgraded or Outcome.SelfTest or Outcome.ClientAborted) return null;
        return new Notice(KindOf(record.Outcome), tunnel.Destination.ToString(), answer?.Message ?? record.Detail ?? "the answer broke off.")
        {
            Method = record.Method,
            Path = record.Path,
            Rule = answer?.Rule,
            WhatToDo = answer?.Remedy ?? "Try again; if it lasts, look at the upstream.",
            RequestId = record.Request,
        };
    }

    /// <summary>About a tunnel that ended without TLS, the one failure that no answer explains: there was no request.</summary>
    /// <returns>Null when there was TLS.</returns>
    public static Notice? WhyNoTls(Tunnel tunnel)
    {
        var host = tunnel.Destination.ToString();
        if (tunnel.ForeignServerName is { } name)
            return new Notice(NoticeKind.Request, host, $"the tool asked by TLS for '{name}'.") { WhatToDo = "Open a tunnel of its own for each host.", RequestId = tunnel.Id };
        if (tunnel.NoLeaf is { } refusal)
            return new Notice(NoticeKind.Gateway, host, refusal.Message) { WhatToDo = refusal.Remedy, RequestId = tunnel.Id };
        if (tunnel.HasTls) return null;
        return new Notice(NoticeKind.Trust, host, "no TLS was established: the tool does not trust the CA, speaks another protocol, or left.")
        {
            WhatToDo = "Run `fairlead doctor`: it says which tools do not trust the CA, and what each needs.",
            RequestId = tunnel.Id,
        };
    }

    /// <summary>The kind that a refused CONNECT or request is.</summary>
    public static NoticeKind KindOf(Outcome outcome) => outcome switch
    {
        Outcome.Denied or Outcome.CredentialConflict or Outcome.PlaceholderMisused => NoticeKind.Policy,
        Outcome.AddressForbidden => NoticeKind.Address,
        Outcome.UpstreamDns => NoticeKind.Dns,
        Outcome.UpstreamConnect => NoticeKind.Connect,
        Outcome.UpstreamTls => NoticeKind.Tls,
        Outcome.UpstreamTimeout => NoticeKind.Timeout,
        Outcome.UpstreamProtocol or Outcome.UpstreamAborted => NoticeKind.Upstream,
        Outcome.BadRequest or Outcome.Misdirected => NoticeKind.Request,
        Outcome.Limited => NoticeKind.Limit,
        Outcome.AuthenticationMismatch or Outcome.Unauthenticated => NoticeKind.Auth,
        _ => NoticeKind.Gateway,
    };
}
