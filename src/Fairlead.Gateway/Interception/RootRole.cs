namespace Fairlead.Gateway.Interception;

/// <summary>What a root does at a moment.</summary>
internal enum RootRole
{
    /// <summary>Leaves come from it.</summary>
    Active,

    /// <summary>Containers are told to trust it; leaves come from it later.</summary>
    Next,

    /// <summary>Leaves came from it; containers are still told to trust it.</summary>
    Retiring,

    /// <summary>It is neither used nor served, and its key is destroyed.</summary>
    Over,
}
