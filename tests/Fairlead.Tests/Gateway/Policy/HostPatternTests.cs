using Fairlead.Gateway.Policy;
using Fairlead.Wire;

namespace Fairlead.Tests.Gateway.Policy;

public sealed class HostPatternTests
{
    [Theory]
    [InlineData("example.com", "example.com:443", true)]
    [InlineData("EXAMPLE.com.", "example.com:443", true)]
    [InlineData("example.com", "Example.COM.:443", true)]
    [InlineData("example.com", "www.example.com:443", false)]
    [InlineData("example.com", "notexample.com:443", false)]
    [InlineData("example.com", "example.com.evil.test:443", false)]
    [InlineData("example.com", "example.com:8443", false)]
    [InlineData("example.com:8443", "example.com:8443", true)]
    [InlineData("example.com:8443", "example.com:443", false)]
    [InlineData("*.example.com", "a.example.com:443", true)]
    [InlineData("*.example.com", "a.b.example.com:443", false)]
    [InlineData("*.example.com", "example.com:443", false)]
    [InlineData("*.example.com", "aexample.com:443", false)]
    [InlineData("*.example.com", "a.example.com.evil.test:443", false)]
    [InlineData("*.example.com:8443", "a.example.com:8443", true)]
    [InlineData("*.example.com:8443", "a.example.com:443", false)]
    [InlineData("**.example.com", "a.example.com:443", true)]
    [InlineData("**.example.com", "a.b.c.example.com:443", true)]
    [InlineData("**.example.com", "example.com:443", false)]
    [InlineData("**.example.com", "badexample.com:443", false)]
    [InlineData("**.com", "example.com:443", true)]
    [InlineData("**", "example.com:443", true)]
    [InlineData("**", "192.0.2.1:443", true)]
    [InlineData("**", "[2001:db8::1]:443", true)]
    [InlineData("**", "example.com:80", false)]
    [InlineData("**:80", "example.com:80", true)]
    [InlineData("**:80", "example.com:443", false)]
    [InlineData("**", "any:443", true)]
    [InlineData("192.0.2.1", "192.0.2.1:443", true)]
    [InlineData("192.0.2.1", "192.0.2.10:443", false)]
    [InlineData("[2001:db8::1]", "[2001:db8:0:0::1]:443", true)]
    [InlineData("[2001:db8::1]:8443", "[2001:db8::1]:8443", true)]
    [InlineData("[2001:db8::1]", "[2001:db8::2]:443", false)]
    [InlineData("b\u00fccher.test", "xn--bcher-kva.test:443", true)]
    [InlineData("*.b\u00fccher.test", "a.xn--bcher-kva.test:443", true)]
    public void A_pattern_means_these_and_no_other(string pattern, string destination, bool matches)
    {
        Assert.True(HostPattern.TryParse(pattern, out var parsed, out var problem), problem);
        Assert.True(HostPort.TryParse(destination, out var asked, out problem), problem);

        Assert.Equal(matches, parsed.Matches(asked));
    }

    [Theory]
    [InlineData("", "host name of 1 to 253 characters")]
    [InlineData("*", "stands for the first labels only")]
    [InlineData("***", "stands for the first labels only")]
    [InlineData("***.example.com", "stands for the first labels only")]
    [InlineData("*example.com", "stands for the first labels only")]
    [InlineData("**example.com", "stands for the first labels only")]
    [InlineData("api.*.com", "stands for the first labels only")]
    [InlineData("*.*.com", "stands for the first labels only")]
    [InlineData("api.**", "stands for the first labels only")]
    [InlineData("*.", "host name of 1 to 253 characters")]
    [InlineData("**.", "host name of 1 to 253 characters")]
    [InlineData("*.192.0.2.1", "an address has no labels")]
    [InlineData("**.192.0.2.1", "an address has no labels")]
    [InlineData("**.1", "four decimal numbers")]
    [InlineData("*.[2001:db8::1]", "an address has no labels")]
    [InlineData("127.1", "four decimal numbers")]
    [InlineData("0x7f.0.0.1", "four decimal numbers")]
    [InlineData("2001:db8::1", "to stand in brackets")]
    [InlineData("[192.0.2.1]", "IPv6 address in brackets")]
    [InlineData("example.com:", "a port from 1 to 65535")]
    [InlineData("example.com:0", "a port from 1 to 65535")]
    [InlineData("example.com:65536", "a port from 1 to 65535")]
    [InlineData("example.com:*", "stands for the first labels only")]
    [InlineData("**:", "a port from 1 to 65535")]
    [InlineData("**:x", "a port from 1 to 65535")]
    [InlineData("**:443:443", "to stand in brackets")]
    [InlineData("exa mple.com", "letters, digits")]
    [InlineData("https://example.com", "a port from 1 to 65535")]
    [InlineData("user@example.com", "letters, digits")]
    [InlineData("-a.test", "begin or end with '-'")]
    [InlineData("a..test", "labels of 1 to 63")]
    public void What_is_no_pattern_is_refused_with_the_reason(string pattern, string problem)
    {
        Assert.False(HostPattern.TryParse(pattern, out _, out var said));

        Assert.Contains(problem, said, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a.test", "a.test", true)]
    [InlineData("a.test", "A.TEST.", true)]
    [InlineData("a.test", "b.test", false)]
    [InlineData("a.test", "a.test:8443", false)]
    [InlineData("a.test", "**", true)]
    [InlineData("a.test:8443", "**", false)]
    [InlineData("a.test", "*.test", true)]
    [InlineData("a.b.test", "*.test", false)]
    [InlineData("a.b.test", "**.test", true)]
    [InlineData("test", "**.test", false)]
    [InlineData("*.test", "*.test", true)]
    [InlineData("*.test", "**.test", true)]
    [InlineData("*.b.test", "*.test", false)]
    [InlineData("*.b.test", "**.test", true)]
    [InlineData("**.b.test", "*.test", false)]
    [InlineData("**.b.test", "**.test", true)]
    [InlineData("**.ab.test", "**.b.test", false)]
    [InlineData("**", "**", true)]
    [InlineData("**", "**:8443", false)]
    [InlineData("192.0.2.1", "**", true)]
    [InlineData("192.0.2.1", "**.test", false)]
    public void Two_patterns_overlap_when_one_destination_matches_both(string one, string other, bool overlap)
    {
        Assert.True(HostPattern.TryParse(one, out var a, out _));
        Assert.True(HostPattern.TryParse(other, out var b, out _));

        Assert.Equal(overlap, a.Overlaps(b));
        Assert.Equal(overlap, b.Overlaps(a));
    }

    [Fact]
    public void Overlap_agrees_with_matching_wherever_we_look() => Seeded.Check(2000, random =>
    {
        string[] labels = ["a", "b", "aa"];
        string Name() => string.Join('.', Enumerable.Range(0, random.Next(1, 4)).Select(_ => random.Pick<string>(labels)));
        string Pattern() => random.Next(4) switch { 0 => "*." + Name(), 1 => "**." + Name(), 2 => Name(), _ => "**" };
        Assert.True(HostPattern.TryParse(Pattern(), out var one, out _));
        Assert.True(HostPattern.TryParse(Pattern(), out var other, out _));
        // All names of up to five labels: where two patterns of at most four overlap, one of these shows it.
        IEnumerable<string> names = labels;
        for (var i = 0; i < 4; i++) names = names.Concat(names.SelectMany(n => labels.Select(l => $"{l}.{n}"))).Distinct().Take(400);
        var witnesses = names.Where(n => HostPort.TryCreate(n, 443, out var d, out _) && one.Matches(d) && other.Matches(d));

        if (witnesses.Any()) Assert.True(one.Overlaps(other), $"{one.Text} and {other.Text}");
        else Assert.False(one.Overlaps(other) && names.Count() < 400, $"{one.Text} and {other.Text}");
    });
}
