using System.Net.Security;

namespace Fairlead.Gateway.Interception;

/// <summary>Leaves in use, one TLS context per host, since resumption works within one context only. The one used longest ago goes first; callers at once wait for one signature.</summary>
/// <param name="capacity">How many are kept.</param>
/// <param name="time">The clock of their validity.</param>
internal sealed class LeafCache(int capacity, TimeProvider time)
{
    // A leaf is replaced while tunnels that begin with it can still end.
    private static readonly TimeSpan ReuseFor = TimeSpan.FromHours(12);

    private readonly Lock _lock = new();
    private readonly Dictionary<(CertificateAuthority Authority, string Host), LinkedListNode<Leaf>> _byHost = [];
    private readonly LinkedList<Leaf> _byUse = new();

    private sealed record Leaf((CertificateAuthority Authority, string Host) Key, SigningRoot Root, DateTimeOffset ReuseUntil, Lazy<Task<SslStreamCertificateContext>> Context);

    public int Count
    {
        get
        {
            lock (_lock) return _byHost.Count;
        }
    }

    /// <summary>The leaf of a host, made when there is none that is good.</summary>
    /// <param name="authority">Whose leaf it is.</param>
    /// <param name="host">The host.</param>
    /// <param name="mayIssue">Asked before a leaf is made.</param>
    /// <param name="issue">Makes it, from the root that it is given.</param>
    /// <returns>Null when it may not be made.</returns>
    public async Task<SslStreamCertificateContext?> GetAsync(CertificateAuthority authority, string host, Func<bool> mayIssue, Func<SigningRoot, Task<SslStreamCertificateContext>> issue)
    {
        if (Find(authority, host, mayIssue, issue) is not { } leaf) return null;
        try
        {
            return await leaf.Context.Value;
        }
        catch
        {
            // What failed may work next time.
            Remove(leaf);
            throw;
        }
    }

    private Leaf? Find(CertificateAuthority authority, string host, Func<bool> mayIssue, Func<SigningRoot, Task<SslStreamCertificateContext>> issue)
    {
        var key = (authority, host);
        var root = authority.Signing;
        lock (_lock)
        {
            if (_byHost.TryGetValue(key, out var node))
            {
                // After a rotation a leaf of the old root is not handed out, however good it is.
                var isGood = node.Value.Root == root && node.Value.ReuseUntil > time.GetUtcNow();
                if (!isGood && !mayIssue()) return null;
                _byUse.Remove(node);
                if (!isGood) node = null;
            }
            else if (!mayIssue())
            {
                return null;
            }

            node ??= new LinkedListNode<Leaf>(new Leaf(key, root, ReuseUntil(root), new(() => issue(root))));
            _byUse.AddFirst(node);
            _byHost[key] = node;
            if (_byHost.Count > capacity)
            {
                _byHost.Remove(_byUse.Last!.Value.Key);
                _byUse.RemoveLast();
            }

            return node.Value;
        }
    }

    private void Remove(Leaf leaf)
    {
        lock (_lock)
        {
            if (!_byHost.TryGetValue(leaf.Key, out var node) || node.Value != leaf) return;
            _byHost.Remove(leaf.Key);
            _byUse.Remove(node);
        }
    }

    // A leaf ends with the root at the latest.
    private DateTimeOffset ReuseUntil(SigningRoot root)
    {
        var until = time.GetUtcNow() + ReuseFor;
        return until < root.NotAfter ? until : root.NotAfter;
    }
}
