namespace Fairlead.Gateway.Credentials;

/// <summary>What becomes of a header that a credential sets and the workload sent itself.</summary>
internal enum ExistingHeader
{
    /// <summary>The credential's takes its place.</summary>
    Replace,

    /// <summary>The workload's stays, and the credential sets nothing.</summary>
    Keep,

    /// <summary>The workload's stays when it holds the credential's placeholder, which is swapped; else the request is refused.</summary>
    RefuseUnlessPlaceholder,
}
