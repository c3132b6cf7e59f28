using System.Net;
using System.Net.Sockets;
using Fairlead.Gateway.Policy;

namespace Fairlead.Gateway.Upstream;

/// <summary>
/// The only place that may allow an address. A positive list: global unicast of the IANA registries (RFC 6890 and its updates), less what is
/// special in it. So a range that nobody has thought of is refused. A policy's exceptions open some of what is refused, and never all of it.
/// </summary>
internal static class AddressGuard
{
    /// <summary>What it takes to open a range that is refused.</summary>
    private enum Opens
    {
        /// <summary>Nothing does: it is no place to connect to, or it wraps another address.</summary>
        Never,

        /// <summary>An exception for the one address: what is there hands out credentials of the machine to whoever asks.</summary>
        ByItsAddress,

        /// <summary>An exception that holds it.</summary>
        ByNetwork,
    }

    private readonly record struct Range(IPNetwork Network, string What, Opens Opens)
    {
        public Range(string network, string what, Opens opens)
            : this(IPNetwork.Parse(network), what, opens)
        {
        }
    }

    private const string CloudMetadata = "where a cloud provider's metadata is";

    // The first that holds an address decides: what is narrow stands before what is wide.
    private static readonly Range[] Refused4 =
    [
        new("0.0.0.0/8", "this host", Opens.Never),
        new("10.0.0.0/8", "private", Opens.ByNetwork),
        new("100.100.100.200/32", CloudMetadata, Opens.ByItsAddress),
        new("100.64.0.0/10", "carrier-grade NAT", Opens.ByNetwork),
        new("127.0.0.0/8", "loopback", Opens.ByNetwork),
        new("168.63.129.16/32", "a cloud provider's host agent", Opens.ByItsAddress),
        new("169.254.0.0/16", "link-local, where cloud metadata is", Opens.ByItsAddress),
        new("172.16.0.0/12", "private", Opens.ByNetwork),
        new("192.0.0.192/32", CloudMetadata, Opens.ByItsAddress),
        new("192.0.0.0/24", "reserved for protocols", Opens.ByNetwork),
        new("192.0.2.0/24", "documentation", Opens.ByNetwork),
        new("192.88.99.0/24", "6to4 relay", Opens.Never),
        new("192.168.0.0/16", "private", Opens.ByNetwork),
        new("198.18.0.0/15", "benchmarking", Opens.ByNetwork),
        new("198.51.100.0/24", "documentation", Opens.ByNetwork),
        new("203.0.113.0/24", "documentation", Opens.ByNetwork),
        new("224.0.0.0/4", "multicast", Opens.Never),
        new("240.0.0.0/4", "reserved", Opens.Never),
    ];

    private static readonly IPNetwork GlobalUnicast6 = IPNetwork.Parse("2000::/3");

    // Of what is not global unicast, the ranges that can be opened.
    private static readonly Range[] Private6 =
    [
        new("::1/128", "not global unicast, but loopback", Opens.ByNetwork),
        new("fd00:42::42/128", $"not global unicast, but {CloudMetadata}", Opens.ByItsAddress),
        new("fd00:c1::/32", $"not global unicast, but {CloudMetadata}", Opens.ByItsAddress),
        new("fd00:ec2::/32", $"not global unicast, but {CloudMetadata}", Opens.ByItsAddress),
        new("fd20:ce::/32", $"not global unicast, but {CloudMetadata}", Opens.ByItsAddress),
        new("fc00::/7", "not global unicast, but private", Opens.ByNetwork),
    ];

    private static readonly Range[] Refused6 =
    [
        new("2001:2::/48", "reserved for protocols (benchmarking)", Opens.ByNetwork),
        new("2001::/23", "reserved for protocols (Teredo among them)", Opens.Never),
        new("2001:db8::/32", "documentation", Opens.ByNetwork),
        new("2002::/16", "6to4", Opens.Never),
        new("3fff::/20", "documentation", Opens.ByNetwork),
    ];

    /// <summary>Says why an address must not be dialled by somebody who has no exceptions.</summary>
    /// <returns>What the address is, such as "loopback"; null when it may be dialled.</returns>
    public static string? Refuses(IPAddress address) => Find(address)?.What;

    /// <summary>Says why an address must not be dialled.</summary>
    /// <param name="address">The address.</param>
    /// <param name="exceptions">What the caller's policy opens.</param>
    /// <returns>What the address is, such as "loopback"; null when it may be dialled.</returns>
    public static string? Refuses(IPAddress address, AddressExceptions exceptions) => Find(address) switch
    {
        null => null,
        { Opens: Opens.ByNetwork } when exceptions.Contain(address) => null,
        { Opens: Opens.ByItsAddress } when exceptions.Name(address) => null,
        { What: var what } => what,
    };

    /// <summary>What is wrong with an exception.</summary>
    /// <returns>Null when it opens something.</returns>
    public static string? WhyUseless(IPNetwork exception)
    {
        var isIPv4 = exception.BaseAddress.AddressFamily == AddressFamily.InterNetwork;
        var range = Find(exception.BaseAddress);
        var isAddress = exception.PrefixLength == (isIPv4 ? 32 : 128);
        // A network of the public Internet that holds no private range, judged by its ends, opens nothing.
        if (range is null) return (isIPv4 ? Refused4 : Refused6).Any(r => exception.Contains(r.Network.BaseAddress)) ? null : "is public, and needs no exception";
        if (exception.PrefixLength < range.Value.Network.PrefixLength) return null;
        return range.Value.Opens switch
        {
            Opens.Never => $"is {range.Value.What}, and nothing opens that",
            Opens.ByItsAddress when !isAddress => $"is {range.Value.What}: name the one address that is meant, without a prefix",
            _ => null,
        };
    }

    private static Range? Find(IPAddress address)
    {
        if (address.AddressFamily == AddressFamily.InterNetwork) return Find(Refused4, address);
        if (address.AddressFamily != AddressFamily.InterNetworkV6) return Closed("of an unknown family");
        // An IPv4 address in an IPv6 coat (mapped, NAT64, compatible) would reach what the list above refuses.
        if (address.IsIPv4MappedToIPv6) return Closed("an IPv4 address mapped into IPv6");
        return GlobalUnicast6.Contains(address) ? Find(Refused6, address) : Find(Private6, address) ?? Closed("not global unicast");
    }

    private static Range Closed(string what) => new(new IPNetwork(IPAddress.IPv6Any, 0), what, Opens.Never);

    private static Range? Find(Range[] ranges, IPAddress address)
    {
        foreach (var range in ranges)
        {
            if (range.Network.Contains(address)) return range;
        }

        return null;
    }
}
