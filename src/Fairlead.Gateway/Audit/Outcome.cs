using System.Text.Json;

namespace Fairlead.Gateway.Audit;

/// <summary>How a tunnel or a request ended: the closed list that the audit, its schema and the tests share. Written in snake_case.</summary>
internal enum Outcome
{
    /// <summary>Request: the answer was passed on whole. Tunnel: both ends were closed in order.</summary>
    Completed,

    /// <summary>Request: the connection became a WebSocket, which ended.</summary>
    Upgraded,

    /// <summary>Request: for the self-test host, which the gateway answers itself.</summary>
    SelfTest,

    /// <summary>Policy refused.</summary>
    Denied,

    /// <summary>Tunnel: no session has this token.</summary>
    Unauthenticated,

    /// <summary>Tunnel: the two authentications do not agree.</summary>
    AuthenticationMismatch,

    /// <summary>The CONNECT, the upgrade or the request is not one that can be served.</summary>
    BadRequest,

    /// <summary>Tunnel: the workload asked by TLS for another name than by CONNECT.</summary>
    ServerNameMismatch,

    /// <summary>Tunnel: no TLS was established in it.</summary>
    TlsFailed,

    /// <summary>Request: its Host is not the tunnel's destination.</summary>
    Misdirected,

    /// <summary>The destination has an address that may never be dialled.</summary>
    AddressForbidden,

    /// <summary>A secret that a credential needs cannot be had; nothing was sent.</summary>
    CredentialUnavailable,

    /// <summary>The request brings a header of its own where a credential takes its placeholder only.</summary>
    CredentialConflict,

    /// <summary>A placeholder is in a request for a host that its credential is not bound to.</summary>
    PlaceholderMisused,

    /// <summary>DNS failed for the upstream.</summary>
    UpstreamDns,

    /// <summary>The upstream did not accept the connection.</summary>
    UpstreamConnect,

    /// <summary>TLS with the upstream failed.</summary>
    UpstreamTls,

    /// <summary>The upstream was too slow at some hop.</summary>
    UpstreamTimeout,

    /// <summary>The upstream broke HTTP.</summary>
    UpstreamProtocol,

    /// <summary>The upstream broke off its answer.</summary>
    UpstreamAborted,

    /// <summary>The workload left before the end.</summary>
    ClientAborted,

    /// <summary>Tunnel: the gateway cut it, as when an upstream broke off and the workload must not take the answer for whole.</summary>
    GatewayAborted,

    /// <summary>Tunnel: its session ended, or got another token, while it was open.</summary>
    SessionRevoked,

    /// <summary>The session has reached one of its limits.</summary>
    Limited,

    /// <summary>Request: it was refused since it could not be audited.</summary>
    AuditUnavailable,

    /// <summary>The gateway broke its promise; its log has the exception.</summary>
    InternalError,
}

/// <summary>The names of outcomes, as they are written.</summary>
internal static class OutcomeNames
{
    private static readonly string[] Names = [.. Enum.GetValues<Outcome>().Select(o => JsonNamingPolicy.SnakeCaseLower.ConvertName(o.ToString()))];

    extension(Outcome outcome)
    {
        /// <summary>In snake_case.</summary>
        public string Name => Names[(int)outcome];
    }
}
