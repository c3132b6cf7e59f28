using System.Net;
using Fairlead.Gateway.Interception;
using Fairlead.Gateway.Policy;
using Fairlead.Gateway.Sessions;
using Fairlead.Gateway.Upstream;

namespace Fairlead.Gateway.Configuration;

/// <summary>Everything the gateway was told, checked.</summary>
internal sealed record GatewayOptions
{
    public required ListenOptions Listen { get; init; }

    /// <summary>The CA that signs leaves.</summary>
    public required CaOptions Ca { get; init; }

    public required IReadOnlyList<Session> Sessions { get; init; }

    /// <summary>All that are defined, those that no session has included.</summary>
    public IReadOnlyList<PolicyDefinition> Policies { get; init; } = [];

    public required string AuditFile { get; init; }

    public UpstreamOptions Upstream { get; init; } = new();

    /// <summary>The environment variables that hold secrets or tokens, which no workload may see.</summary>
    public IReadOnlyList<string> SecretVariables { get; init; } = [];

    /// <summary>The files that hold secrets or tokens.</summary>
    public IReadOnlyList<string> SecretFiles { get; init; } = [];

    /// <summary>What is not wrong but worth a look.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>The names of those sections in which another configuration differs and which only a start reads.</summary>
    public IEnumerable<string> NeedRestart(GatewayOptions next)
    {
        if (Listen != next.Listen) yield return "listen or tls";
        if (!Ca.IsSameAs(next.Ca)) yield return "ca";
        if (AuditFile != next.AuditFile) yield return "audit";
        var isSameUpstream = Upstream.Resolve.OrderBy(r => r.Key, StringComparer.Ordinal).SequenceEqual(next.Upstream.Resolve.OrderBy(r => r.Key, StringComparer.Ordinal))
            && Upstream.ExtraRoots.Select(r => r.Thumbprint).SequenceEqual(next.Upstream.ExtraRoots.Select(r => r.Thumbprint));
        if (!isSameUpstream) yield return "upstream";
    }

    /// <summary>Where relays arrive.</summary>
    /// <param name="EndPoint">The address; port 0 takes a free one.</param>
    /// <param name="PathPrefix">Empty, or a path such as <c>/edge</c>, below which the endpoints are.</param>
    /// <param name="CertificateFile">PEM chain of the gateway's own certificate, for https; else null.</param>
    /// <param name="KeyFile">PEM key of it, for https; else null.</param>
    internal sealed record ListenOptions(IPEndPoint EndPoint, string PathPrefix, string? CertificateFile, string? KeyFile)
    {
        public bool IsHttps => CertificateFile is not null;
    }
}
