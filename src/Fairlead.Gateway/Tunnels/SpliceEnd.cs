namespace Fairlead.Gateway.Tunnels;

/// <summary>How the two connections of a splice ended.</summary>
internal enum SpliceEnd
{
    /// <summary>Both directions ended in order, or the workload closed the tunnel in order.</summary>
    Whole,

    /// <summary>The tunnel broke.</summary>
    WorkloadBroke,

    /// <summary>The upstream's connection broke.</summary>
    UpstreamBroke,

    /// <summary>The bytes may pass no more.</summary>
    Stopped,
}
