using System.Net;
using Fairlead.Gateway.Policy;

namespace Fairlead.Tests.Gateway.Policy;

public sealed class AddressExceptionsTests
{
    [Theory]
    [InlineData("10.20.0.0/16", "10.20.0.0/16")]
    [InlineData("10.0.0.0/8", "10.0.0.0/8")]
    [InlineData("10.20.30.40", "10.20.30.40/32")]
    [InlineData("10.20.30.40/32", "10.20.30.40/32")]
    [InlineData("10.20.30.40/31", "10.20.30.40/31")]
    [InlineData("fd00:1::/32", "fd00:1::/32")]
    [InlineData("fd00::/16", "fd00::/16")]
    [InlineData("fd00:1:0:0::1", "fd00:1::1/128")]
    public void A_network_is_read(string text, string network)
    {
        Assert.True(AddressExceptions.TryParse(text, out var read, out _));
        Assert.Equal(network, read.ToString());
    }

    [Theory]
    [InlineData("10.0.0.0/7", "expected a prefix of 8 to 32 bits, got '10.0.0.0/7'")]
    [InlineData("0.0.0.0/0", "expected a prefix of 8 to 32 bits")]
    [InlineData("10.0.0.0/33", "expected a prefix of 8 to 32 bits")]
    [InlineData("fc00::/7", "expected a prefix of 16 to 128 bits")]
    [InlineData("::/0", "expected a prefix of 16 to 128 bits")]
    [InlineData("fd00::/129", "expected a prefix of 16 to 128 bits")]
    [InlineData("10.20.0.1/16", "'10.20.0.1/16' has bits behind its prefix: is 10.20.0.0/16 meant, or the address 10.20.0.1 alone?")]
    [InlineData("fd00::1/64", "has bits behind its prefix: is fd00::/64 meant")]
    [InlineData("10.20.0.0/", "expected the length of a prefix behind '/'")]
    [InlineData("10.20.0.0/+8", "expected the length of a prefix behind '/'")]
    [InlineData("10.20.0.0/16/16", "expected the length of a prefix behind '/'")]
    [InlineData("10.20.0.0/255.255.0.0", "expected the length of a prefix behind '/'")]
    [InlineData("10.20/16", "expected a network such as 10.20.0.0/16")]
    [InlineData("0x0a.0.0.0/8", "expected a network")]
    [InlineData("9443", "expected a network")]
    [InlineData("internal.test", "expected a network")]
    [InlineData("fe80::1%eth0", "expected a network")]
    [InlineData("[fd00::]/16", "expected a network")]
    [InlineData(" 10.0.0.0/8", "expected a network")]
    public void What_is_too_wide_or_not_plainly_a_network_is_refused(string text, string said)
    {
        Assert.False(AddressExceptions.TryParse(text, out _, out var problem));
        Assert.Contains(said, problem, StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_network_contains_is_what_shares_its_prefix() => Seeded.Check(2000, random =>
    {
        var bytes = random.NextBytes(random.Next(2) == 0 ? 4 : 16);
        var length = random.Next(bytes.Length == 4 ? 8 : 16, (bytes.Length * 8) + 1);
        var other = (byte[])bytes.Clone();
        var flipped = random.Next(bytes.Length * 8);
        other[flipped / 8] ^= (byte)(0x80 >> (flipped % 8));
        for (var bit = length; bit < bytes.Length * 8; bit++) bytes[bit / 8] &= (byte)~(0x80 >> (bit % 8));
        var text = new IPAddress(bytes).ToString();
        // What is an IPv4 address in an IPv6 coat prints itself so, and no exception is about those.
        if (text.Contains('.', StringComparison.Ordinal) && bytes.Length == 16) return;

        var exceptions = Edge.ExceptionsOf($"{text}/{length}");

        Assert.Equal(flipped >= length, exceptions.Contain(new IPAddress(other)));
        Assert.Equal(length == bytes.Length * 8, exceptions.Name(new IPAddress(bytes)));
    });

    [Fact]
    public void Exceptions_are_part_of_what_a_policy_is()
    {
        var without = Edge.PolicyOf(["allow * a.test"]);
        var with = Edge.PolicyOf(["allow * a.test"], addresses: ["10.0.0.0/8"]);
        var others = Edge.PolicyOf(["allow * a.test"], addresses: ["10.0.0.0/9"]);
        var passing = Edge.PolicyOf(["allow * a.test"], passthrough: ["a.test"]);

        Assert.Equal(4, new[] { without, with, others, passing }.Select(p => p.Hash).Distinct().Count());
        Assert.Equal(with.Addresses, Edge.ExceptionsOf("10.0.0.0/8"));
        Assert.NotEqual(with.Addresses, others.Addresses);
    }
}
