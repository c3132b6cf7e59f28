using Fairlead.Gateway.Audit;
using Fairlead.Gateway.Upstream;

namespace Fairlead.Gateway;

/// <summary>What a failure to reach the upstream is in the audit and to the tool.</summary>
internal static class UpstreamOutcome
{
    /// <returns>The outcome, the status of an answer that tells of it, and the hop in words.</returns>
    public static (Outcome Outcome, int Status, string Hop) Of(UpstreamFailure? failure) => failure switch
    {
        UpstreamFailure.Dns => (Outcome.UpstreamDns, 502, "DNS"),
        UpstreamFailure.DnsTimeout => (Outcome.UpstreamTimeout, 504, "DNS"),
        UpstreamFailure.AddressForbidden => (Outcome.AddressForbidden, 403, "address"),
        UpstreamFailure.Connect => (Outcome.UpstreamConnect, 502, "connect"),
        UpstreamFailure.ConnectTimeout => (Outcome.UpstreamTimeout, 504, "connect"),
        UpstreamFailure.Proxy => (Outcome.UpstreamConnect, 502, "proxy"),
        UpstreamFailure.Tls => (Outcome.UpstreamTls, 502, "TLS"),
        UpstreamFailure.ResponseTimeout => (Outcome.UpstreamTimeout, 504, "response"),
        UpstreamFailure.Aborted => (Outcome.UpstreamAborted, 502, "response"),
        _ => (Outcome.UpstreamProtocol, 502, "protocol"),
    };

    public static string RemedyFor(Outcome outcome) => outcome == Outcome.AddressForbidden
        ? "This is no refusal by policy: the address is not public. If it is meant, the owner of the policy can name it under allow_addresses."
        : "This is no refusal by policy. Try again; if it lasts, look at the upstream, or ask the operator of the gateway with the request id.";
}
