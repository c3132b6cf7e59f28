namespace Fairlead.Gateway.Sessions;

/// <summary>How much one session may take; null is without a limit.</summary>
internal sealed record SessionLimits
{
    public static readonly SessionLimits None = new();

    /// <summary>Tunnels that are open at once.</summary>
    public int? Tunnels { get; init; }

    /// <summary>Requests a minute, as a bucket of that size which fills evenly: a burst of all of them is let pass.</summary>
    public int? RequestsPerMinute { get; init; }

    /// <summary>Bytes in its tunnels, both ways, TLS included, as long as it lives.</summary>
    public long? Bytes { get; init; }

    /// <summary>Bytes of the body of one request.</summary>
    public long? MaxBody { get; init; }
}
