namespace Fairlead.Gateway.Interception;

/// <summary>What the first bytes of a tunnel were found to be.</summary>
internal enum HelloState
{
    /// <summary>The beginning of a ClientHello; more is needed.</summary>
    Incomplete,

    /// <summary>A whole ClientHello.</summary>
    Whole,

    /// <summary>No ClientHello, or one that two readers could read differently.</summary>
    Malformed,
}
