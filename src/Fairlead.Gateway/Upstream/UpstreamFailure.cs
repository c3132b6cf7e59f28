namespace Fairlead.Gateway.Upstream;

/// <summary>At which hop reaching the upstream failed.</summary>
internal enum UpstreamFailure
{
    /// <summary>The name has no address.</summary>
    Dns,

    /// <summary>The name was not resolved in time.</summary>
    DnsTimeout,

    /// <summary>The address must never be dialled.</summary>
    AddressForbidden,

    /// <summary>No address accepted the connection.</summary>
    Connect,

    /// <summary>No address answered in time.</summary>
    ConnectTimeout,

    /// <summary>The gateway's own proxy did not open the way.</summary>
    Proxy,

    /// <summary>The handshake failed, or the certificate does not hold.</summary>
    Tls,

    /// <summary>The upstream broke HTTP, or ended the connection before it answered.</summary>
    Protocol,

    /// <summary>The upstream did not begin to answer in time.</summary>
    ResponseTimeout,

    /// <summary>The upstream broke off in the middle of its answer.</summary>
    Aborted,
}
