namespace Fairlead.Relay.Tunnel;

/// <summary>How one direction of a tunnel ended.</summary>
internal enum PumpEnd
{
    /// <summary>Its sender said that it has no more data, and all of it was passed on.</summary>
    Whole,

    /// <summary>The tool's connection broke.</summary>
    ToolBroke,

    /// <summary>The tunnel broke.</summary>
    TunnelBroke,

    /// <summary>The other direction's end, or the relay's, stopped it.</summary>
    Stopped,
}
