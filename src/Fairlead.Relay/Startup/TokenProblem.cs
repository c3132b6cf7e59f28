namespace Fairlead.Relay.Startup;

/// <summary>Why bytes are no token.</summary>
internal enum TokenProblem
{
    /// <summary>They are one.</summary>
    None,

    /// <summary>Nothing but white space: counts as absent.</summary>
    Blank,

    /// <summary>A space, a control or a non-ASCII byte stands within.</summary>
    NotVisibleAscii,
}
