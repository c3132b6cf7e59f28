using System.Net;
using Fairlead.Gateway.Audit;
using Fairlead.Gateway.Credentials;
using Fairlead.Gateway.Interception;
using Fairlead.Gateway.Policy;
using Fairlead.Gateway.Sessions;
using Fairlead.Gateway.Sinks;
using Fairlead.Gateway.Telemetry;
using Fairlead.Gateway.Upstream;

namespace Fairlead.Gateway.Configuration;

/// <summary>Everything the gateway was told, checked.</summary>
internal sealed record GatewayOptions
{
    public required ListenOptions Listen { get; init; }

    /// <summary>The CA that signs leaves.</summary>
    public required CaOptions Ca { get; init; }

    /// <summary>Who may connect.</summary>
    public required SessionSet SessionSet { get; init; }

    /// <summary>One for each entry of <c>sessions</c>: the session itself, or what each of an issuer's is given.</summary>
    public IReadOnlyList<Session> Sessions => [.. SessionSet.Fixed, .. SessionSet.Entries.Select(e => e.Granted)];

    /// <summary>The listener for whoever runs the gateway; null for none.</summary>
    public AdminOptions? Admin { get; init; }

    /// <summary>Where ids of revoked sessions are kept; null for nowhere.</summary>
    public string? RevocationsFile { get; init; }

    /// <summary>All that are defined, those that no session has included.</summary>
    public IReadOnlyList<PolicyDefinition> Policies { get; init; } = [];

    /// <summary>All that are defined, those that no session has included.</summary>
    public IReadOnlyList<Credential> Credentials { get; init; } = [];

    /// <summary>The record of what was done.</summary>
    public required AuditOptions Audit { get; init; }

    /// <summary>The other places that get its records.</summary>
    public IReadOnlyList<SinkOptions> Sinks { get; init; } = [];

    /// <summary>Where spans go; null for nowhere.</summary>
    public CollectorOptions? Traces { get; init; }

    public UpstreamOptions Upstream { get; init; } = new();

    /// <summary>The environment variables that hold secrets or tokens, which no workload may see.</summary>
    public IReadOnlyList<string> SecretVariables { get; init; } = [];

    /// <summary>The files that hold secrets or tokens.</summary>
    public IReadOnlyList<string> SecretFiles { get; init; } = [];

    /// <summary>The secrets that are fetched again and again.</summary>
    public IReadOnlyList<IFetched> FetchedSecrets { get; init; } = [];

    /// <summary>Other files that were read.</summary>
    public IReadOnlyList<string> WatchedFiles { get; init; } = [];

    /// <summary>What is not wrong but worth a look.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>The names of those sections in which another configuration differs and which only a start reads.</summary>
    public IEnumerable<string> NeedRestart(GatewayOptions next)
    {
        if (Listen != next.Listen) yield return "listen or tls";
        if (Admin?.Listen != next.Admin?.Listen) yield return "admin";
        if (!Ca.IsSameAs(next.Ca)) yield return "ca";
        if (Audit != next.Audit || !Sinks.SequenceEqual(next.Sinks)) yield return "audit";
        if (Traces is null ? next.Traces is not null : !Traces.IsSameAs(next.Traces)) yield return "traces";
        if (!Upstream.IsSameAs(next.Upstream)) yield return "upstream";
    }

    /// <summary>The listener for whoever runs the gateway.</summary>
    /// <param name="Listen">Where it is.</param>
    /// <param name="Token">What its callers prove.</param>
    internal sealed record AdminOptions(ListenOptions Listen, Secret Token);

    /// <summary>Where relays arrive.</summary>
    /// <param name="EndPoint">The address; port 0 takes a free one.</param>
    /// <param name="PathPrefix">Empty, or a path such as <c>/edge</c>, below which the endpoints are.</param>
    /// <param name="CertificateFile">PEM chain of the gateway's own certificate, for https; else null.</param>
    /// <param name="KeyFile">PEM key of it, for https; else null.</param>
    internal sealed record ListenOptions(IPEndPoint EndPoint, string PathPrefix, string? CertificateFile, string? KeyFile)
    {
        public bool IsHttps => CertificateFile is not null;

        /// <summary>The address as it is configured.</summary>
        public string Url => $"{(IsHttps ? "https" : "http")}://{EndPoint}{PathPrefix}";
    }
}
