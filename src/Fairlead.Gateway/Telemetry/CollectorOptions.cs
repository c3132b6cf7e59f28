using System.Security.Cryptography.X509Certificates;
using Fairlead.Gateway.Credentials;

namespace Fairlead.Gateway.Telemetry;

/// <summary>Where spans go.</summary>
/// <param name="Endpoint">OTLP over HTTP: the URL with <c>/v1/traces</c>.</param>
internal sealed record CollectorOptions(Uri Endpoint)
{
    /// <summary>What the collector wants to see, a token for instance.</summary>
    public IReadOnlyList<InjectedHeader> Headers { get; init; } = [];

    /// <summary>How many of the requests have a span, from 0 to 1. Default all.</summary>
    public double Sample { get; init; } = 1;

    /// <summary>Trusted for the collector instead of the system's roots; empty for the system's.</summary>
    public X509Certificate2Collection Roots { get; init; } = [];

    /// <summary>True when a gateway that runs needs nothing else for the other ones.</summary>
    public bool IsSameAs(CollectorOptions? other) => other is not null && Endpoint == other.Endpoint && Sample.Equals(other.Sample)
        && Headers.Select(h => h.Name).SequenceEqual(other.Headers.Select(h => h.Name))
        && Roots.Select(r => r.Thumbprint).SequenceEqual(other.Roots.Select(r => r.Thumbprint));
}
