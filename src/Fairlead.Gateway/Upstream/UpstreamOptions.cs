using System.Net;
using System.Security.Cryptography.X509Certificates;

namespace Fairlead.Gateway.Upstream;

/// <summary>How upstreams are reached.</summary>
internal sealed record UpstreamOptions
{
    /// <summary>Roots trusted besides the system's. Default none.</summary>
    public X509Certificate2Collection ExtraRoots { get; init; } = [];

    /// <summary>Hosts whose address is given instead of asked for, and dialled directly and without the guard; port 0 keeps the destination's. Default none.</summary>
    public IReadOnlyDictionary<string, IPEndPoint> Resolve { get; init; } = new Dictionary<string, IPEndPoint>();

    /// <summary>HTTP proxies between the gateway and the world: the first that is about a host decides. Default none: everything is dialled directly.</summary>
    public IReadOnlyList<EgressProxy> Proxies { get; init; } = [];

    /// <summary>How long the addresses of a name are used again for new connections; zero asks for each. Default 5 s.</summary>
    public TimeSpan DnsTtl { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long a name may take to resolve. Default 5 s.</summary>
    public TimeSpan ResolveTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long all addresses together may take to accept a connection. Default 10 s.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long the TLS handshake may take. Default 10 s.</summary>
    public TimeSpan HandshakeTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long an upstream may take to begin its answer once the request was sent. Default 15 minutes: models think long.</summary>
    public TimeSpan ResponseTimeout { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>True when the other reaches the world in the same way.</summary>
    public bool IsSameAs(UpstreamOptions other) =>
        DnsTtl == other.DnsTtl
        && Resolve.OrderBy(r => r.Key, StringComparer.Ordinal).SequenceEqual(other.Resolve.OrderBy(r => r.Key, StringComparer.Ordinal))
        && ExtraRoots.Select(r => r.Thumbprint).SequenceEqual(other.ExtraRoots.Select(r => r.Thumbprint))
        && Proxies.Count == other.Proxies.Count && Proxies.Zip(other.Proxies).All(p => p.First.IsSameAs(p.Second));
}
