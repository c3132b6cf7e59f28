using System.Net.Security;
using Fairlead.Wire;

namespace Fairlead.Gateway.Interception;

/// <summary>
/// The leaves in use, one TLS context per host, since resumption works within one context only. Bounded: the one used longest ago goes first.
/// Tunnels that ask at once for the same host wait for one signature.
/// </summary>
internal sealed class LeafCertificates(CertificateAuthority authority, TimeProvider time)
{
    /// <summary>Hosts whose leaf is kept: 4,096.</summary>
    public const int Capacity = 4096;

    // A leaf is replaced while tunnels that begin with it can still end.
    private static readonly TimeSpan ReuseFor = TimeSpan.FromHours(12);

    private readonly Lock _lock = new();
    private readonly Dictionary<string, LinkedListNode<Leaf>> _byHost = [];
    private readonly LinkedList<Leaf> _byUse = new();

    private sealed record Leaf(string Host, DateTimeOffset ReuseUntil, Lazy<SslStreamCertificateContext> Context);

    public SslStreamCertificateContext For(HostPort destination)
    {
        Leaf leaf;
        lock (_lock)
        {
            if (_byHost.TryGetValue(destination.Host, out var node))
            {
                _byUse.Remove(node);
                if (node.Value.ReuseUntil <= time.GetUtcNow()) node = null;
            }

            node ??= new LinkedListNode<Leaf>(new Leaf(destination.Host, ReuseUntil(), new(() => Issue(destination))));
            _byUse.AddFirst(node);
            _byHost[destination.Host] = node;
            if (_byHost.Count > Capacity)
            {
                _byHost.Remove(_byUse.Last!.Value.Host);
                _byUse.RemoveLast();
            }

            leaf = node.Value;
        }

        return leaf.Context.Value;
    }

    // A leaf ends with the root at the latest.
    private DateTimeOffset ReuseUntil()
    {
        var until = time.GetUtcNow() + ReuseFor;
        return until < authority.NotAfter ? until : authority.NotAfter;
    }

    private SslStreamCertificateContext Issue(HostPort destination) =>
        SslStreamCertificateContext.Create(authority.Issue(destination.Host, destination.Address), additionalCertificates: null, offline: true);
}
