using Fairlead.Gateway.Policy;

namespace Fairlead.Tests.Gateway.Policy;

public sealed class RuleTests
{
    [Theory]
    [InlineData("allow GET api.test/v1/**", "allow GET api.test/v1/**")]
    [InlineData("  deny\t*   **  ", "deny * **")]
    [InlineData("allow GET,POST,PATCH api.test", "allow GET,POST,PATCH api.test")]
    [InlineData("allow M-SEARCH,X_Y api.test", "allow M-SEARCH,X_Y api.test")]
    [InlineData("allow * [2001:db8::1]:8443/a", "allow * [2001:db8::1]:8443/a")]
    [InlineData("allow * *.api.test:8443/*/x", "allow * *.api.test:8443/*/x")]
    public void A_rule_is_read_and_keeps_the_text_of_its_author(string text, string kept)
    {
        Assert.True(Rule.TryParse(text, Edge.NoSets, out var rule, out var problem), problem);

        Assert.Equal(kept, rule.Text);
    }

    [Theory]
    [InlineData("", "expected 'allow|deny METHODS host[:port][/path]', got ''")]
    [InlineData("allow", "expected 'allow|deny METHODS host[:port][/path]', got 'allow'")]
    [InlineData("allow api.test", "expected 'allow|deny METHODS host[:port][/path]', got 'allow api.test'")]
    [InlineData("allow GET api.test /v1", "expected 'allow|deny METHODS host[:port][/path]', got 'allow GET api.test /v1'")]
    [InlineData("allow GET, POST api.test", "expected 'allow|deny METHODS host[:port][/path]', got 'allow GET, POST api.test'")]
    [InlineData("Allow GET api.test", "expected 'allow' or 'deny', got 'Allow'")]
    [InlineData("permit GET api.test", "expected 'allow' or 'deny', got 'permit'")]
    [InlineData("allow get api.test", "in capitals, got 'get'")]
    [InlineData("allow GET, api.test", "in capitals, got 'GET,'")]
    [InlineData("allow ,GET api.test", "in capitals, got ',GET'")]
    [InlineData("allow GET,*,POST api.test", "in capitals, got 'GET,*,POST'")]
    [InlineData("allow G\u00c9T api.test", "in capitals, got 'G\\u00c9T'")]
    [InlineData("allow GET b\u00fccher.test", "expected visible ASCII, got 'b\\u00fccher.test'")]
    [InlineData("allow GET api.test/\u0001", "expected visible ASCII, got 'api.test/\\u0001'")]
    [InlineData("allow GET /v1", "host name of 1 to 253 characters")]
    [InlineData("allow GET https://api.test/v1", "a port from 1 to 65535")]
    [InlineData("allow GET *", "stands for the first labels only")]
    [InlineData("allow GET api.test/v1**", "'**' must be a whole segment")]
    [InlineData("allow GET api.test/v1?x=1", "queries are not matched")]
    [InlineData("allow GET api.test?x=1", "letters, digits")]
    public void What_is_no_rule_is_refused_with_the_reason(string text, string problem)
    {
        Assert.False(Rule.TryParse(text, Edge.NoSets, out _, out var said));

        Assert.Contains(problem, said, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("allow GET api.test", "GET", true)]
    [InlineData("allow GET api.test", "get", false)]
    [InlineData("allow GET api.test", "HEAD", false)]
    [InlineData("allow GET,HEAD api.test", "HEAD", true)]
    [InlineData("allow * api.test", "ANYTHING", true)]
    public void Methods_are_matched_as_sent(string text, string method, bool matches) => Assert.Equal(matches, Edge.RuleOf(text).IsAbout(method));

    [Fact]
    public void A_named_set_stands_for_its_hosts()
    {
        Assert.True(HostPattern.TryParse("*.one.test:8443", out var one, out _));
        Assert.True(HostPattern.TryParse("two.test", out var two, out _));
        var sets = new Dictionary<string, IReadOnlyList<HostPattern>> { ["mirrors"] = [one, two] };

        Assert.True(Rule.TryParse("allow GET @mirrors/pool/**", sets, out var rule, out _));

        Assert.Equal([one, two], rule.Hosts);
        Assert.Equal("allow GET @mirrors/pool/**", rule.Text);
        Assert.False(Rule.TryParse("allow GET @mirror/pool", sets, out _, out var problem));
        Assert.Contains("there is no host set '@mirror'; host_sets defines @mirrors", problem, StringComparison.Ordinal);
    }
}
