namespace Fairlead.Gateway.Audit;

/// <summary>What is on disk before an upstream sees a byte.</summary>
internal enum AuditGuarantee
{
    /// <summary>Requests that carry a credential: the default.</summary>
    BeforeUpstream,

    /// <summary>Every request that is forwarded, and every tunnel that is passed through.</summary>
    BeforeUpstreamAlways,

    /// <summary>Nothing: a crash may lose what was just done.</summary>
    BestEffort,
}
