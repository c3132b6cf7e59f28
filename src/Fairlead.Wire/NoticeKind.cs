namespace Fairlead.Wire;

/// <summary>At which hop something was refused or failed: the closed list that notices and the relay's status share. Written in lower case.</summary>
public enum NoticeKind
{
    /// <summary>A kind that this end does not know.</summary>
    Other,

    /// <summary>The policy refused; the notice names the rule.</summary>
    Policy,

    /// <summary>The upstream's name has no address.</summary>
    Dns,

    /// <summary>The upstream's address may never be dialled.</summary>
    Address,

    /// <summary>The upstream did not accept the connection.</summary>
    Connect,

    /// <summary>TLS between gateway and upstream failed.</summary>
    Tls,

    /// <summary>Something was not there in time.</summary>
    Timeout,

    /// <summary>The upstream broke HTTP, or broke off its answer.</summary>
    Upstream,

    /// <summary>What the tool asked for cannot be served: no HTTP, another host than the tunnel's, a malformed body.</summary>
    Request,

    /// <summary>No TLS between tool and gateway: the tool does not trust the CA, or speaks another protocol.</summary>
    Trust,

    /// <summary>The gateway, or a hop on the way to it.</summary>
    Gateway,

    /// <summary>The gateway does not know the session or its token.</summary>
    Auth,

    /// <summary>The relay itself.</summary>
    Local,

    /// <summary>The session has reached one of its limits.</summary>
    Limit,
}
