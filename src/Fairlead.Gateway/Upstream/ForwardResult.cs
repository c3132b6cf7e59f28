namespace Fairlead.Gateway.Upstream;

/// <summary>How forwarding ended.</summary>
internal enum ForwardEnd
{
    /// <summary>The answer was passed on whole.</summary>
    Completed,

    /// <summary>The connection was upgraded, and both directions ended.</summary>
    Upgraded,

    /// <summary>The upstream failed. When the answer had not begun, the caller explains it; else it was cut so that nobody takes it for whole.</summary>
    UpstreamFailed,

    /// <summary>The workload left.</summary>
    ClientAborted,

    /// <summary>The workload's message cannot be forwarded.</summary>
    ClientMalformed,

    /// <summary>The workload's body is longer than it may be.</summary>
    ClientTooLarge,
}

/// <summary>How forwarding ended, and what the upstream did when it failed.</summary>
internal sealed record ForwardResult(ForwardEnd End, UpstreamFailure? Failure = null, string? Explanation = null);
