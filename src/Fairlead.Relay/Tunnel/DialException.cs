using Fairlead.Wire;

namespace Fairlead.Relay.Tunnel;

/// <summary>The gateway could not be reached or refused us. The message names the hop that failed and, where known, what helps; it holds no secret.</summary>
internal sealed class DialException(string message, Exception? innerException = null) : IOException(message, innerException)
{
    /// <summary>True for what a restart of the gateway, an ingress or the network makes pass; trying again is safe, since no tunnel was opened.</summary>
    public bool MayPass { get; init; }

    /// <summary>How long the peer asked to be left alone, or null.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>Which hop it was. Default: the gateway, or one on the way to it.</summary>
    public NoticeKind Kind { get; init; } = NoticeKind.Gateway;
}
