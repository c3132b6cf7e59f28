using Fairlead.Gateway.Sessions;
using Fairlead.Wire;

namespace Fairlead.Gateway.Tunnels;

/// <summary>One open tunnel: a feature of its connection, so that TLS and every request inside know whose it is and where it goes.</summary>
internal sealed class Tunnel(string id, Session session, HostPort destination)
{
    private int _requests;

    public string Id => id;

    public Session Session => session;

    /// <summary>Where the CONNECT went; SNI and the Host of every request must equal it.</summary>
    public HostPort Destination => destination;

    /// <summary>True once the workload completed the TLS handshake with our leaf.</summary>
    public bool HasTls { get; set; }

    /// <summary>The server name that the workload asked for, when it was not the destination.</summary>
    public string? ForeignServerName { get; set; }

    /// <summary>What was wrong with bytes in it that are no request of HTTP; null while all were.</summary>
    public string? MalformedRequest { get; set; }

    /// <summary>How many requests came through it.</summary>
    public int Requests => Volatile.Read(ref _requests);

    public void CountRequest() => Interlocked.Increment(ref _requests);
}
