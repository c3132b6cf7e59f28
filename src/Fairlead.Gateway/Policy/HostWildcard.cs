namespace Fairlead.Gateway.Policy;

/// <summary>What stands before the name in a host pattern.</summary>
internal enum HostWildcard
{
    /// <summary>Nothing: the name itself is meant.</summary>
    None,

    /// <summary><c>*.</c>: one label.</summary>
    OneLabel,

    /// <summary><c>**.</c>: one label or more.</summary>
    Labels,
}
