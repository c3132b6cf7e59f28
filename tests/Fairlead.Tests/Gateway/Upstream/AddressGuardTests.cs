using System.Net;
using Fairlead.Gateway.Policy;
using Fairlead.Gateway.Upstream;

namespace Fairlead.Tests.Gateway.Upstream;

public sealed class AddressGuardTests
{
    /// <summary>Every row of the IANA special-purpose registries that is not globally reachable, the first and the last address of each.</summary>
    [Theory]
    [InlineData("0.0.0.0", "0.255.255.255", "this host")]
    [InlineData("10.0.0.0", "10.255.255.255", "private")]
    [InlineData("100.64.0.0", "100.127.255.255", "carrier-grade NAT")]
    [InlineData("127.0.0.0", "127.255.255.255", "loopback")]
    [InlineData("169.254.0.0", "169.254.255.255", "link-local")]
    [InlineData("172.16.0.0", "172.31.255.255", "private")]
    [InlineData("192.0.0.0", "192.0.0.255", "reserved for protocols")]
    [InlineData("192.0.2.0", "192.0.2.255", "documentation")]
    [InlineData("192.88.99.0", "192.88.99.255", "6to4 relay")]
    [InlineData("192.168.0.0", "192.168.255.255", "private")]
    [InlineData("198.18.0.0", "198.19.255.255", "benchmarking")]
    [InlineData("198.51.100.0", "198.51.100.255", "documentation")]
    [InlineData("203.0.113.0", "203.0.113.255", "documentation")]
    [InlineData("224.0.0.0", "239.255.255.255", "multicast")]
    [InlineData("240.0.0.0", "255.255.255.255", "reserved")]
    [InlineData("168.63.129.16", "168.63.129.16", "cloud provider")]
    [InlineData("169.254.169.254", "169.254.170.2", "link-local")]
    [InlineData("100.100.100.200", "100.100.100.200", "cloud provider's metadata")]
    [InlineData("::", "::1", "not global unicast")]
    [InlineData("::ffff:0.0.0.0", "::ffff:255.255.255.255", "mapped into IPv6")]
    [InlineData("::ffff:127.0.0.1", "::ffff:8.8.8.8", "mapped into IPv6")]
    [InlineData("::127.0.0.1", "::8.8.8.8", "not global unicast")]
    [InlineData("::ffff:0:0:0", "::ffff:0:7f00:1", "not global unicast")]
    [InlineData("64:ff9b::", "64:ff9b::ffff:ffff", "not global unicast")]
    [InlineData("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "not global unicast")]
    [InlineData("64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "not global unicast")]
    [InlineData("100::", "100::ffff:ffff:ffff:ffff", "not global unicast")]
    [InlineData("100:0:0:1::", "100:0:0:1:ffff:ffff:ffff:ffff", "not global unicast")]
    [InlineData("1fff::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "not global unicast")]
    [InlineData("2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff", "Teredo")]
    [InlineData("2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "reserved for protocols")]
    [InlineData("2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff", "reserved for protocols")]
    [InlineData("2001:10::", "2001:2f:ffff:ffff:ffff:ffff:ffff:ffff", "reserved for protocols")]
    [InlineData("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "documentation")]
    [InlineData("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "6to4")]
    [InlineData("2002:7f00:1::", "2002:a9fe:a9fe::1", "6to4")]
    [InlineData("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "documentation")]
    [InlineData("4000::", "5eff:ffff::", "not global unicast")]
    [InlineData("5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "not global unicast")]
    [InlineData("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "not global unicast")]
    [InlineData("fd00:ec2::254", "fd20:ce::254", "not global unicast")]
    [InlineData("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "not global unicast")]
    [InlineData("fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "not global unicast")]
    [InlineData("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "not global unicast")]
    [InlineData("ff02::1", "ff05::2", "not global unicast")]
    public void What_is_special_is_refused_from_its_first_to_its_last_address(string first, string last, string what)
    {
        Assert.Contains(what, AddressGuard.Refuses(IPAddress.Parse(first)), StringComparison.Ordinal);
        Assert.Contains(what, AddressGuard.Refuses(IPAddress.Parse(last)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("1.0.0.0")]
    [InlineData("1.1.1.1")]
    [InlineData("8.8.8.8")]
    [InlineData("9.255.255.255")]
    [InlineData("11.0.0.0")]
    [InlineData("100.63.255.255")]
    [InlineData("100.128.0.0")]
    [InlineData("126.255.255.255")]
    [InlineData("128.0.0.0")]
    [InlineData("168.63.129.15")]
    [InlineData("168.63.129.17")]
    [InlineData("169.253.255.255")]
    [InlineData("169.255.0.0")]
    [InlineData("172.15.255.255")]
    [InlineData("172.32.0.0")]
    [InlineData("191.255.255.255")]
    [InlineData("192.0.1.0")]
    [InlineData("192.0.3.0")]
    [InlineData("192.31.196.1")]
    [InlineData("192.52.193.1")]
    [InlineData("192.88.98.255")]
    [InlineData("192.88.100.0")]
    [InlineData("192.167.255.255")]
    [InlineData("192.169.0.0")]
    [InlineData("192.175.48.1")]
    [InlineData("198.17.255.255")]
    [InlineData("198.20.0.0")]
    [InlineData("198.51.99.255")]
    [InlineData("198.51.101.0")]
    [InlineData("203.0.112.255")]
    [InlineData("203.0.114.0")]
    [InlineData("223.255.255.255")]
    [InlineData("2000::")]
    [InlineData("2001:200::")]
    [InlineData("2001:4860:4860::8888")]
    [InlineData("2001:db7:ffff:ffff:ffff:ffff:ffff:ffff")]
    [InlineData("2001:db9::")]
    [InlineData("2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff")]
    [InlineData("2003::")]
    [InlineData("2606:4700:4700::1111")]
    [InlineData("2620:4f:8000::1")]
    [InlineData("3ffe:ffff::")]
    [InlineData("3fff:1000::")]
    public void What_is_public_may_be_dialled(string address) => Assert.Null(AddressGuard.Refuses(IPAddress.Parse(address)));

    [Fact]
    public void An_address_with_a_zone_is_judged_like_one_without() => Assert.NotNull(AddressGuard.Refuses(IPAddress.Parse("fe80::1%1")));

    [Fact]
    public void No_address_of_a_private_network_passes_in_any_coat() => Seeded.Check(2000, random =>
    {
        var inner = random.NextBytes(4);
        inner[0] = random.Pick<byte>(0, 10, 127, 224, 240, 255);
        byte[] mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, .. inner];
        byte[] compatible = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, .. inner];
        byte[] nat64 = [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, .. inner];
        byte[] sixToFour = [0x20, 0x02, .. inner, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        byte[] teredo = [0x20, 0x01, 0, 0, .. inner, 0, 0, 0, 0, .. inner.Select(b => (byte)~b)];

        foreach (var coat in new[] { inner, mapped, compatible, nat64, sixToFour, teredo })
            Assert.True(AddressGuard.Refuses(new IPAddress(coat)) is not null, new IPAddress(coat).ToString());
    });

    [Theory]
    [InlineData("10.20.0.0/16", "10.20.255.255", true)]
    [InlineData("10.20.0.0/16", "10.21.0.0", false)]
    [InlineData("100.64.0.0/10", "100.64.0.1", true)]
    [InlineData("127.0.0.0/8", "127.0.0.1", true)]
    [InlineData("127.0.0.0/8", "::1", false)]
    [InlineData("::1", "::1", true)]
    [InlineData("198.18.0.0/15", "198.19.0.1", true)]
    [InlineData("fd00:1::/32", "fd00:1::5", true)]
    [InlineData("fd00:1::/32", "fd00:2::5", false)]
    [InlineData("2001:db8::/32", "2001:db8::1", true)]
    public void An_exception_opens_what_is_in_it_and_no_more(string exception, string address, bool opens) =>
        Assert.Equal(opens, AddressGuard.Refuses(IPAddress.Parse(address), Edge.ExceptionsOf(exception)) is null);

    /// <summary>Whoever asks there is given the credentials of the machine, so a network that happens to hold it is not enough.</summary>
    [Theory]
    [InlineData("169.254.169.254", "169.0.0.0/8")]
    [InlineData("169.254.169.254", "169.254.169.254/31")]
    [InlineData("169.254.170.2", "169.254.0.0/16")]
    [InlineData("168.63.129.16", "168.63.129.0/24")]
    [InlineData("100.100.100.200", "100.64.0.0/10")]
    [InlineData("192.0.0.192", "192.0.0.0/24")]
    [InlineData("fd00:ec2::254", "fd00::/16")]
    [InlineData("fd00:ec2::254", "fd00:ec2::/32")]
    [InlineData("fd20:ce::254", "fd20::/16")]
    [InlineData("fd00:c1::a9fe:a9fe", "fd00:c1::/32")]
    [InlineData("fd00:42::42", "fd00:42::/32")]
    public void Metadata_is_opened_by_its_own_address_only(string metadata, string network)
    {
        var address = IPAddress.Parse(metadata);

        Assert.NotNull(AddressGuard.Refuses(address, Edge.ExceptionsOf(network)));
        Assert.Null(AddressGuard.Refuses(address, Edge.ExceptionsOf(metadata)));
    }

    [Theory]
    [InlineData("0.0.0.0")]
    [InlineData("224.0.0.1")]
    [InlineData("239.255.255.255")]
    [InlineData("240.0.0.1")]
    [InlineData("255.255.255.255")]
    [InlineData("192.88.99.1")]
    [InlineData("::")]
    [InlineData("ff02::1")]
    [InlineData("fe80::1")]
    [InlineData("::ffff:10.0.0.1")]
    [InlineData("64:ff9b::a00:1")]
    [InlineData("2002:a00:1::1")]
    [InlineData("2001::1")]
    public void Nothing_opens_what_is_no_place_or_wraps_another_address(string address)
    {
        var exceptions = new AddressExceptions([new IPNetwork(IPAddress.Parse(address), address.Contains(':', StringComparison.Ordinal) ? 128 : 32), new IPNetwork(IPAddress.Any, 0), new IPNetwork(IPAddress.IPv6Any, 0)]);

        Assert.NotNull(AddressGuard.Refuses(IPAddress.Parse(address), exceptions));
        Assert.Contains("nothing opens that", AddressGuard.WhyUseless(exceptions.Networks[0]), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("224.0.0.0/8", "is multicast, and nothing opens that")]
    [InlineData("0.0.0.0/8", "is this host, and nothing opens that")]
    [InlineData("169.254.0.0/16", "is link-local, where cloud metadata is: name the one address that is meant, without a prefix")]
    [InlineData("fd00:ec2::/48", "name the one address that is meant")]
    [InlineData("8.8.8.0/24", "is public, and needs no exception")]
    [InlineData("2606:4700::/32", "is public, and needs no exception")]
    [InlineData("100.0.0.0/8", null)]
    [InlineData("172.0.0.0/8", null)]
    [InlineData("fd00::/16", null)]
    [InlineData("169.254.169.254/32", null)]
    public void An_exception_that_opens_nothing_is_told(string network, string? said)
    {
        var problem = AddressGuard.WhyUseless(IPNetwork.Parse(network));

        if (said is null) Assert.Null(problem);
        else Assert.Contains(said, problem, StringComparison.Ordinal);
    }
}
