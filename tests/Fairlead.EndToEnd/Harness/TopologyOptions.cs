namespace Fairlead.EndToEnd.Harness;

/// <summary>What a topology has that others have not.</summary>
internal sealed record TopologyOptions
{
    /// <summary>Whether the egress proxy wants Basic credentials.</summary>
    public bool EgressWantsCredentials { get; init; }

    /// <summary>After how long without a byte the ingress cuts a connection. Default 50 s, below the 60 s of common load balancers.</summary>
    public TimeSpan IngressIdle { get; init; } = TimeSpan.FromSeconds(50);

    /// <summary>More hosts that the origin answers for.</summary>
    public IReadOnlyList<string> Hosts { get; init; } = [];

    /// <summary>Presets of the policy. Those of <see cref="Hosts"/> that none of them names, a rule lets in.</summary>
    public IReadOnlyList<string> Presets { get; init; } = [];
}
