namespace Fairlead.Gateway.Audit;

/// <summary>What comes behind a checkpoint. Signed with it.</summary>
internal enum CheckpointKind
{
    /// <summary>More of the same gateway, unless it was killed.</summary>
    Open,

    /// <summary>Nothing, or another gateway: this one was stopped in order.</summary>
    Closed,

    /// <summary>The next file.</summary>
    Continued,
}
