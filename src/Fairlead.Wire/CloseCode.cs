namespace Fairlead.Wire;

/// <summary>Why an end closes the tunnel's WebSocket (RFC 6455 §7.4.1). Only a normal closure is the clean end of the data.</summary>
public enum CloseCode
{
    /// <summary>All data was sent.</summary>
    Normal = 1000,

    /// <summary>The program is going down; the data is cut.</summary>
    GoingAway = 1001,

    /// <summary>The peer broke the protocol.</summary>
    ProtocolError = 1002,

    /// <summary>The connection behind this end broke; the data is cut.</summary>
    InternalError = 1011,
}
