namespace Fairlead.Relay;

/// <summary>What stood on the command line; null where a flag was not given.</summary>
internal sealed record RelayFlags
{
    public string? Gateway { get; init; }

    public string? GatewayCa { get; init; }

    public string? SessionId { get; init; }

    public string? TokenFile { get; init; }

    public string? CaBundle { get; init; }

    public string? Port { get; init; }

    public string? NoProxyAdd { get; init; }

    public string? NoProxySet { get; init; }

    public string? GitHttps { get; init; }

    public string? Fail { get; init; }

    public string? StateDirectory { get; init; }

    public int? MaxTunnels { get; init; }

    public string? OpenTimeout { get; init; }

    public string? IdleTimeout { get; init; }

    public bool NoReuse { get; init; }

    public bool SystemTrust { get; init; }

    public bool BrowserTrust { get; init; }

    public string? OnlyUid { get; init; }

    public bool OnlyDescendants { get; init; }
}
