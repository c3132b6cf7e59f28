namespace Fairlead.Wire;

/// <summary>Which end of the tunnel a stream is.</summary>
public enum TunnelEnd
{
    /// <summary>The WebSocket client. Its frames are masked (RFC 6455 §5.3).</summary>
    Relay,

    /// <summary>The WebSocket server. Its frames are not masked.</summary>
    Gateway,
}
