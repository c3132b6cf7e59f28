using System.Net;
using System.Net.Sockets;
using System.Text;
using Fairlead.Wire;

namespace Fairlead.Tests.Wire;

public sealed class HostPortTests
{
    private static readonly string Label63 = new('a', 63);
    private static readonly string Name253 = $"{Label63}.{Label63}.{Label63}.{new string('b', 61)}";

    /// <summary>What is accepted, and its one canonical spelling.</summary>
    public static TheoryData<string, string> Accepted => new()
    {
        // names
        { "example.com:443", "example.com:443" },
        { "EXAMPLE.com:443", "example.com:443" },
        { "ExAmPlE.CoM:443", "example.com:443" },
        { "example.com.:443", "example.com:443" },
        { "EXAMPLE.COM.:443", "example.com:443" },
        { "localhost:8080", "localhost:8080" },
        { "localhost.:8080", "localhost:8080" },
        { "a:1", "a:1" },
        { "a.b.c.d.e.f:65535", "a.b.c.d.e.f:65535" },
        { "under_score.test:443", "under_score.test:443" },
        { "_dmarc.test:443", "_dmarc.test:443" },
        { "a-b.test:443", "a-b.test:443" },
        { "a--b.test:443", "a--b.test:443" },
        { "1password.test:443", "1password.test:443" },
        { "127.0.0.1.test:443", "127.0.0.1.test:443" },
        { "0x7f.test:443", "0x7f.test:443" },
        { "0xg:443", "0xg:443" },
        { "1a:443", "1a:443" },
        { "1e9:443", "1e9:443" },
        { "deadbeef:443", "deadbeef:443" },
        { "test.0xfg:443", "test.0xfg:443" },
        { "xn--bcher-kva.test:443", "xn--bcher-kva.test:443" },
        { "XN--BCHER-KVA.test:443", "xn--bcher-kva.test:443" },
        { $"{Label63}.test:443", $"{Label63}.test:443" },
        { $"{Name253}:443", $"{Name253}:443" },
        { $"{Name253}.:443", $"{Name253}:443" },
        // ports
        { "example.com:1", "example.com:1" },
        { "example.com:80", "example.com:80" },
        { "example.com:65535", "example.com:65535" },
        { "example.com:00443", "example.com:443" },
        { "example.com:00001", "example.com:1" },
        // names of other scripts
        { "b\u00fccher.test:443", "xn--bcher-kva.test:443" },
        { "B\u00dcCHER.test:443", "xn--bcher-kva.test:443" },
        { "B\u00dcCHER.TEST.:443", "xn--bcher-kva.test:443" },
        { "\u65e5\u672c.test:443", "xn--wgv71a.test:443" },
        { "b\u00fccher\u3002test:443", "xn--bcher-kva.test:443" },
        { "b\u00fccher\uff0etest:443", "xn--bcher-kva.test:443" },
        { "b\u00fccher\uff61test:443", "xn--bcher-kva.test:443" },
        { "b\u00fccher.test\u3002:443", "xn--bcher-kva.test:443" },
        { "example\u3002com:443", "example.com:443" },
        { "example\uff0ecom:443", "example.com:443" },
        // Full-width and half-width dots spell an address: it is one, so a guard of addresses sees it.
        { "127\u30020\u30020\u30021:443", "127.0.0.1:443" },
        { "127\uff0e0\uff0e0\uff0e1:443", "127.0.0.1:443" },
        { "169\uff61254\uff61169\uff61254:80", "169.254.169.254:80" },
        // addresses
        { "127.0.0.1:443", "127.0.0.1:443" },
        { "127.0.0.1.:443", "127.0.0.1:443" },
        { "0.0.0.0:443", "0.0.0.0:443" },
        { "255.255.255.255:443", "255.255.255.255:443" },
        { "192.0.2.1:1", "192.0.2.1:1" },
        { "[::1]:443", "[::1]:443" },
        { "[::]:443", "[::]:443" },
        { "[0:0:0:0:0:0:0:1]:443", "[::1]:443" },
        { "[0000:0000:0000:0000:0000:0000:0000:0001]:443", "[::1]:443" },
        { "[2001:DB8::1]:443", "[2001:db8::1]:443" },
        { "[2001:db8:0:0:0:0:0:1]:443", "[2001:db8::1]:443" },
        { "[2001:0db8::0001]:443", "[2001:db8::1]:443" },
        { "[fe80::1]:443", "[fe80::1]:443" },
        { "[::ffff:127.0.0.1]:443", "[::ffff:127.0.0.1]:443" },
        { "[::FFFF:7f00:1]:443", "[::ffff:127.0.0.1]:443" },
        { "[0:0:0:0:0:ffff:127.0.0.1]:443", "[::ffff:127.0.0.1]:443" },
        { "[64:ff9b::169.254.169.254]:443", "[64:ff9b::a9fe:a9fe]:443" },
    };

    /// <summary>What is refused: each row is a way to make two readers see two destinations.</summary>
    public static TheoryData<string> Refused
    {
        get
        {
            var rows = new TheoryData<string>
            {
                // no port, or no host
                "", ":", "example.com", ":443", ".:443", "..:443", "example.com.", "[::1]", "[]:443", "[:443", "]:443", "[", "]", "[]", "::", "::1",
                // ports
                "example.com:", "example.com:0", "example.com:00000", "example.com:65536", "example.com:99999", "example.com:000443", "example.com:+443",
                "example.com:-1", "example.com:-443", "example.com: 443", "example.com:443 ", "example.com:4 43", "example.com:443x", "example.com:x443", "example.com:0x1bb",
                "example.com:4.43", "example.com:443.", "example.com:443,80", "example.com:4e2", "example.com:https", "example.com:99999999999", "example.com:4294967739",
                "example.com:18446744073709552059", "example.com:\uff14\uff14\uff13", "example.com:\u0664\u0664\u0663", "example.com:443\0", "example.com:443\r\n",
                "example.com:443/", "example.com:443#", "example.com:443?x", "example.com:80:443", "example.com::443", "[::1]:", "[::1]:0", "[::1]:65536", "[::1]443",
                // two readers, two destinations
                "localhost\0.allowed.test:443", "allowed.test\0:443", "\0allowed.test:443", "allowed.test\0.evil.test:443", "127.0.0.1\0.allowed.test:443",
                "user@example.com:443", "user:secret@example.com:443", "@example.com:443", "allowed.test@evil.test:443", "allowed.test:443@evil.test:443",
                "allowed.test%00.evil.test:443", "%6cocalhost:443", "example%2ecom:443", "%:443", "http://example.com:443", "https://example.com:443", "//example.com:443",
                "example.com/:443", "example.com/path:443", "example.com?q:443", "example.com#f:443", "example.com\\:443", "allowed.test\\.evil.test:443", "example.com;x:443",
                "example.com,evil.test:443", "{example.com}:443", "<example.com>:443", "\"example.com\":443", "'example.com':443", "`id`.test:443", "$(id).test:443", "*.example.com:443",
                "*:443", "!example.com:443", "example.com|x:443", "exam+ple.com:443", "exam=ple.com:443", "exam~ple.com:443", "exam^ple.com:443", "exam&ple.com:443",
                // white space
                " example.com:443", "example.com :443", "exam ple.com:443", "\texample.com:443", "example.com\t:443", "example.com\n:443", "example.com\r\nX: y:443",
                "example.com\u00a0:443", "\u2003example.com:443", "example.com\u2028:443", "example.com\v:443", "example.com\f:443", "example.com\u0085:443", "example.com\x7f:443",
                // dots and labels
                ".example.com:443", "example..com:443", "example.com..:443", "...:443", "-example.com:443", "example-.com:443", "example.-com:443", "example.com-:443",
                "-:443", "a.-.b:443", "--:443", $"{Label63}a.test:443", $"{Name253}b:443", $"{Name253}b.:443", $"{Name253}.b:443", new string('a', 1025) + ":443",
                new string('\u00fc', 1024) + ":443", string.Join('.', Enumerable.Repeat("a", 128)) + ":443",
                "b\u00fccher..test:443", "\u3002:443", "\u3002b\u00fccher.test:443", "b\u00fccher\u3002\u3002test:443",
                // what some resolver takes for an IPv4 address
                "127.1:443", "127.0.1:443", "127:443", "0:443", "1:443", "2130706433:443", "4294967296:443", "017700000001:443", "0177.0.0.1:443", "0177.1:443", "127.0.0.01:443",
                "127.0.0.001:443", "127.000.0.1:443", "0x7f.1:443", "0x7f.0.0.1:443", "0x7f000001:443", "0X7F.0.0.1:443", "0X7F000001:443", "127.0.0.0x1:443", "127.0.0.0X1:443",
                "0x:443", "127.0.0.0x:443", "0x.0x.0x.0x:443", "1.2.3.4.5:443", "1.2.3:443", "1.2:443", "256.1.1.1:443", "1.256.1.1:443", "1.1.1.256:443", "1.1.1.999999:443", "999.999.999.999:443",
                "127.0.0.1..:443", ".127.0.0.1:443", "127..0.1:443", "127.0.0.-1:443", "+127.0.0.1:443", "127.0.0.1/8:443", "127.0.0.1%0:443", "127.0.0.1e0:443x", "08.8.8.8:443", "8.8.8.08:443",
                "allowed.test.1:443", "allowed.test.0x7f:443", "allowed.test.2130706433:443", "a.08:443", "1_0.0.0.1:443", "127.0.0.1 .test:443", "169.254.43518:443", "169.16689662:443",
                "2852039166:443", "0xa9fea9fe:443", "0251.0376.0251.0376:443", "\uff11\uff12\uff17.0.0.1:443", "127\u30021:443", "0x7f\u30021:443", "127\uff0e0\uff0e0\uff0e01:443", "2130706433\u3002:443",
                "127\u30020\u30020\u3002\uff10\u30021:443",
                // IPv6
                "::1:443", "2001:db8::1:443", "[::1%eth0]:443", "[::1%25eth0]:443", "[fe80::1%1]:443", "[fe80::1%251]:443", "[::1]]:443", "[[::1]]:443", "[[::1]:443", "[::1]x:443", "x[::1]:443",
                "[::1].:443", ".[::1]:443", "[::1 ]:443", "[ ::1]:443", "[::1\0]:443", "[:::1]:443", "[::1::]:443", "[1::2::3]:443", "[1:2:3:4:5:6:7]:443", "[1:2:3:4:5:6:7:8:9]:443",
                "[12345::]:443", "[::12345]:443", "[g::1]:443", "[::1/128]:443", "[:1]:443", "[1:]:443", "[:]:443", "[::256.1.1.1]:443", "[::1.2.3]:443", "[::1.2.3.4.5]:443",
                "[::ffff:127.1]:443", "[::ffff:0x7f.0.0.1]:443", "[::ffff:0177.0.0.1]:443", "[::ffff:2130706433]:443", "[v1.fe80]:443", "[127.0.0.1]:443", "[example.com]:443", "[localhost]:443", "[a.b:c]:443",
                "[\uff1a\uff1a1]:443", "[::\uff11]:443", "[::1]\u3002:443", "[::1]:443]", "[::1]:[443]", "[::1]@evil.test:443", "user@[::1]:443", "[user@::1]:443",
            };
            return rows;
        }
    }

    /// <summary>Every character that has no place in a name.</summary>
    public static TheoryData<int> ForeignCharacters
    {
        get
        {
            var rows = new TheoryData<int>();
            for (var c = 0; c < 0x80; c++)
            {
                if (!char.IsAsciiLetterOrDigit((char)c) && (char)c is not ('-' or '_' or '.')) rows.Add(c);
            }

            foreach (var c in (ReadOnlySpan<int>)[0x80, 0x85, 0x9f, 0xa0, 0xad, 0x200b, 0x200e, 0x202e, 0x2028, 0x2029, 0x2060, 0xd800, 0xdc00, 0xfdd0, 0xfeff, 0xfff9, 0xfffd, 0xfffe, 0xffff]) rows.Add(c);
            return rows;
        }
    }

    [Theory]
    [MemberData(nameof(Accepted))]
    public void A_destination_has_one_canonical_spelling(string written, string canonical)
    {
        var isParsed = HostPort.TryParse(written, out var destination, out var problem);

        Assert.True(isParsed, problem);
        Assert.Null(problem);
        Assert.Equal(canonical, destination!.ToString());
        AssertIsCanonical(destination);
    }

    [Theory]
    [MemberData(nameof(Accepted))]
    public void Spellings_of_one_destination_are_equal(string written, string canonical)
    {
        Assert.True(HostPort.TryParse(written, out var one, out _));
        Assert.True(HostPort.TryParse(canonical, out var other, out _));

        Assert.Equal(one, other);
        Assert.Equal(one!.GetHashCode(), other!.GetHashCode());
        Assert.Equal(one.Address, other.Address);
    }

    [Theory]
    [MemberData(nameof(Refused))]
    public void What_is_not_plainly_a_name_or_an_address_is_refused(string written)
    {
        var isParsed = HostPort.TryParse(written, out var destination, out var problem);

        Assert.False(isParsed, $"parsed as {destination}");
        Assert.Null(destination);
        AssertIsHarmless(problem);
    }

    [Theory]
    [MemberData(nameof(ForeignCharacters))]
    public void A_character_that_has_no_place_in_a_name_is_refused_wherever_it_stands(int code)
    {
        var c = ((char)code).ToString();

        foreach (var host in (ReadOnlySpan<string>)[c, $"{c}example.com", $"example{c}x.com", $"example.com{c}", $"example.{c}.com", $"127.0.0.1{c}", $"{c}127.0.0.1", $"xn--bcher-kva{c}.test"])
        {
            Assert.False(HostPort.TryCanonicalHost(host, out var canonical, out _, out var problem), $"{HostPort.Printable(host)} became {canonical}");
            AssertIsHarmless(problem);
        }
    }

    [Theory]
    [InlineData("example.com", 443, "example.com:443")]
    [InlineData("example.com:8443", 443, "example.com:8443")]
    [InlineData("EXAMPLE.com.", 80, "example.com:80")]
    [InlineData("[::1]", 443, "[::1]:443")]
    [InlineData("[::1]:80", 443, "[::1]:80")]
    [InlineData("127.0.0.1", 80, "127.0.0.1:80")]
    public void A_host_header_may_leave_the_port_out(string written, int defaultPort, string canonical)
    {
        var isParsed = HostPort.TryParse(written, defaultPort, out var destination, out var problem);

        Assert.True(isParsed, problem);
        Assert.Equal(canonical, destination!.ToString());
    }

    [Theory]
    [InlineData("", 443)]
    [InlineData("example.com:", 443)]
    [InlineData("::1", 443)]
    [InlineData("[::1", 443)]
    [InlineData("::1]", 443)]
    [InlineData("[example.com]", 443)]
    [InlineData("x:443]", 443)]
    [InlineData("example.com, evil.test", 443)]
    [InlineData("example.com", 0)]
    [InlineData("example.com", 65536)]
    [InlineData("example.com", -1)]
    public void A_default_port_makes_no_bad_host_good(string written, int defaultPort) =>
        Assert.False(HostPort.TryParse(written, defaultPort, out _, out _));

    [Theory]
    [InlineData("example.com", 443, true)]
    [InlineData("::1", 443, true)]
    [InlineData("127.0.0.1", 65535, true)]
    [InlineData("[::1]", 443, false)]
    [InlineData("example.com:443", 443, false)]
    [InlineData("example.com", 0, false)]
    [InlineData("example.com", -1, false)]
    [InlineData("example.com", int.MinValue, false)]
    [InlineData("example.com", int.MaxValue, false)]
    [InlineData("example.com", 65536, false)]
    [InlineData("", 443, false)]
    [InlineData("localhost\0.allowed.test", 443, false)]
    public void Host_and_port_that_came_apart_are_checked_alike(string host, int port, bool isGood)
    {
        Assert.Equal(isGood, HostPort.TryCreate(host, port, out var destination, out var problem));
        Assert.Equal(isGood, destination is not null);
        Assert.Equal(isGood, problem is null);
    }

    [Theory]
    [InlineData("192.0.2.1:443", "192.0.2.1", "192.0.2.1")]
    [InlineData("[2001:DB8::1]:443", "2001:db8::1", "[2001:db8::1]")]
    [InlineData("[::ffff:7f00:1]:443", "::ffff:127.0.0.1", "[::ffff:127.0.0.1]")]
    public void A_literal_address_is_told_as_an_address(string written, string host, string uriHost)
    {
        Assert.True(HostPort.TryParse(written, out var destination, out _));

        Assert.Equal(IPAddress.Parse(host), destination!.Address);
        Assert.Equal(host, destination.Host);
        Assert.Equal(uriHost, destination.UriHost);
    }

    [Fact]
    public void Different_destinations_differ()
    {
        string[] different = ["example.com:443", "example.com:444", "example.org:443", "192.0.2.1:443", "[::ffff:192.0.2.1]:443", "[2001:db8::1]:443", "a.example.com:443"];

        var parsed = different.Select(written => HostPort.TryParse(written, out var destination, out _) ? destination : null).ToHashSet();

        Assert.DoesNotContain(null, parsed);
        Assert.Equal(different.Length, parsed.Count);
    }

    [Fact]
    public void Whatever_parses_is_canonical_and_parses_again_to_an_equal_value()
    {
        Seeded.Check(200_000, random =>
        {
            var written = NextAuthority(random);
            if (!HostPort.TryParse(written, out var destination, out var problem))
            {
                AssertIsHarmless(problem);
                return;
            }

            AssertIsCanonical(destination);
            Assert.True(HostPort.TryParse(destination.ToString(), out var again, out var why), $"'{HostPort.Printable(written)}' became '{destination}', which is refused: {why}");
            Assert.Equal(destination, again);
            Assert.Equal(destination.ToString(), again.ToString());
            Assert.Equal(destination.Address, again.Address);
            // What the dialler is given must not be read as another address by .NET's own resolver.
            if (destination.Address is null) Assert.False(IPAddress.TryParse(destination.Host, out var hidden), $"'{destination}' is the address {hidden}");
        });
    }

    [Fact]
    public void Every_address_survives_being_written_and_read()
    {
        Seeded.Check(50_000, random =>
        {
            var bytes = random.NextBytes(random.Pick(4, 16), random.Next(2) == 0 ? [0, 0, 0xff, 1, 0x5e, 0xfe] : default);
            var address = new IPAddress(bytes);

            Assert.True(HostPort.TryCreate(address.ToString(), 443, out var destination, out var problem), problem);
            Assert.Equal(address, destination.Address);
            Assert.True(HostPort.TryParse(destination.ToString(), out var again, out problem), problem);
            Assert.Equal(address, again.Address);
        });
    }

    [Fact]
    public void Hostile_text_is_harmless_in_a_message()
    {
        Assert.Equal("a\\u0000\\u001b\\u000d\\u000a\\u202e\\u007fz", HostPort.Printable("a\0\x1b\r\n\u202e\x7fz"));
        Assert.Equal(new string('x', 80) + "...", HostPort.Printable(new string('x', 81)));
        Assert.Equal(new string('x', 80), HostPort.Printable(new string('x', 80)));
    }

    internal static string NextAuthority(Random random)
    {
        string[] pieces =
        [
            "example", "com", "test", ".", ".", ".", ":", "443", "[", "]", "::", "1", "0", "127", "ffff", "0x7f", "0177", "2130706433", "255", "256", "-", "_", "xn--", "xn--bcher-kva",
            "\0", "@", "%", "%25eth0", "/", "\\", " ", "\t", "\r\n", "\u3002", "\uff0e", "\uff61", "\uff11", "\u00fc", "\u00dc", "\u0130", "\u212a", "\u00df", "\u03c2", "\u00ad", "\u200d", "\u0301",
            "\ud83d\ude00", "\ud800", "\u0660", "\u2460", "\u2488", "a", "Z", "e", "x", Label63,
        ];
        var text = new StringBuilder();
        for (var i = random.Next(1, 9); i > 0; i--) text.Append(random.Pick<string>(pieces));
        if (random.Next(8) == 0) text.Insert(random.Next(text.Length + 1), (char)random.Next(0x10000));
        if (random.Next(4) > 0) text.Append(random.Pick(":443", ":1", ":65535", ":0", ":00080"));
        return text.ToString();
    }

    internal static void AssertIsCanonical(HostPort destination)
    {
        Assert.InRange(destination.Port, 1, 65535);
        if (destination.Address is { } address)
        {
            Assert.Equal(address.ToString(), destination.Host);
            if (address.AddressFamily == AddressFamily.InterNetworkV6) Assert.Equal(0, address.ScopeId);
            return;
        }

        Assert.InRange(destination.Host.Length, 1, 253);
        Assert.Matches("^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\\z", destination.Host);
    }

    internal static void AssertIsHarmless(string? problem)
    {
        Assert.False(string.IsNullOrEmpty(problem));
        Assert.DoesNotContain(problem, c => c is < ' ' or > '~');
    }
}
