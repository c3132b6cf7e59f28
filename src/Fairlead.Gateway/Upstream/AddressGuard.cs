using System.Net;
using System.Net.Sockets;

namespace Fairlead.Gateway.Upstream;

/// <summary>
/// The only place that may allow an address. A positive list: global unicast of the IANA registries (RFC 6890 and its updates), less what is
/// special in it. So a range that nobody has thought of is refused.
/// </summary>
internal static class AddressGuard
{
    private static readonly (IPNetwork Network, string What)[] Refused4 =
    [
        (IPNetwork.Parse("0.0.0.0/8"), "this host"),
        (IPNetwork.Parse("10.0.0.0/8"), "private"),
        (IPNetwork.Parse("100.64.0.0/10"), "carrier-grade NAT"),
        (IPNetwork.Parse("127.0.0.0/8"), "loopback"),
        (IPNetwork.Parse("168.63.129.16/32"), "a cloud provider's host agent"),
        (IPNetwork.Parse("169.254.0.0/16"), "link-local, where cloud metadata is"),
        (IPNetwork.Parse("172.16.0.0/12"), "private"),
        (IPNetwork.Parse("192.0.0.0/24"), "reserved for protocols"),
        (IPNetwork.Parse("192.0.2.0/24"), "documentation"),
        (IPNetwork.Parse("192.88.99.0/24"), "6to4 relay"),
        (IPNetwork.Parse("192.168.0.0/16"), "private"),
        (IPNetwork.Parse("198.18.0.0/15"), "benchmarking"),
        (IPNetwork.Parse("198.51.100.0/24"), "documentation"),
        (IPNetwork.Parse("203.0.113.0/24"), "documentation"),
        (IPNetwork.Parse("224.0.0.0/4"), "multicast"),
        (IPNetwork.Parse("240.0.0.0/4"), "reserved"),
    ];

    private static readonly IPNetwork GlobalUnicast6 = IPNetwork.Parse("2000::/3");

    private static readonly (IPNetwork Network, string What)[] Refused6 =
    [
        (IPNetwork.Parse("2001::/23"), "reserved for protocols (Teredo among them)"),
        (IPNetwork.Parse("2001:db8::/32"), "documentation"),
        (IPNetwork.Parse("2002::/16"), "6to4"),
        (IPNetwork.Parse("3fff::/20"), "documentation"),
    ];

    /// <summary>Says why an address must not be dialled.</summary>
    /// <returns>What the address is, such as "loopback"; null when it may be dialled.</returns>
    public static string? Refuses(IPAddress address)
    {
        if (address.AddressFamily == AddressFamily.InterNetwork) return Find(Refused4, address);
        if (address.AddressFamily != AddressFamily.InterNetworkV6) return "of an unknown family";
        // An IPv4 address in an IPv6 coat (mapped, NAT64, compatible) would reach what the list above refuses.
        if (address.IsIPv4MappedToIPv6) return "an IPv4 address mapped into IPv6";
        if (!GlobalUnicast6.Contains(address)) return "not global unicast";
        return Find(Refused6, address);
    }

    private static string? Find((IPNetwork Network, string What)[] refused, IPAddress address)
    {
        foreach (var (network, what) in refused)
        {
            if (network.Contains(address)) return what;
        }

        return null;
    }
}
