using System.Net;
using System.Net.NetworkInformation;

namespace Fairlead.Gateway.Upstream;

/// <summary>
/// Where the gateway itself listens. A workload must not come round to it from behind, whatever a policy excepts or the operator resolves: there it
/// would be a caller from this machine.
/// </summary>
internal sealed class OwnListeners
{
    private readonly Lock _adding = new();
    private int[] _ports = [];

    /// <summary>Adds a listener, once its port is known. Whatever interface it is on, the port is refused on all addresses of this machine: a proxy in front may connect them.</summary>
    public void Add(int port)
    {
        lock (_adding) _ports = [.. _ports, port];
    }

    /// <summary>True when a connection to there would reach this machine on the port of a listener.</summary>
    public bool Contain(IPEndPoint endPoint)
    {
        // The interfaces are asked each time, since they change; that happens for the listeners' own ports only.
        if (!Volatile.Read(ref _ports).Contains(endPoint.Port)) return false;
        var address = endPoint.Address.IsIPv4MappedToIPv6 ? endPoint.Address.MapToIPv4() : endPoint.Address;
        // Linux takes a connection to the unspecified address for one to loopback.
        if (IPAddress.IsLoopback(address) || address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any)) return true;
        return NetworkInterface.GetAllNetworkInterfaces().SelectMany(i => i.GetIPProperties().UnicastAddresses).Any(a => IsSame(a.Address, address));
    }

    // An interface's link-local address carries a zone, which an address to dial may lack.
    private static bool IsSame(IPAddress one, IPAddress other) => one.GetAddressBytes().AsSpan().SequenceEqual(other.GetAddressBytes());
}
