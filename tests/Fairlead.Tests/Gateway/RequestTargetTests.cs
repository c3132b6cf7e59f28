using Fairlead.Gateway;
using Fairlead.Wire;

namespace Fairlead.Tests.Gateway;

public sealed class RequestTargetTests
{
    [Theory]
    [InlineData("/", "/", "/", "")]
    [InlineData("/a/b", "/a/b", "/a/b", "")]
    [InlineData("/a?", "/a?", "/a", "")]
    [InlineData("/a?x=1&y=2", "/a?x=1&y=2", "/a", "x y")]
    [InlineData("/a?x=1&x=2", "/a?x=1&x=2", "/a", "x")]
    [InlineData("/a?FAKE-token", "/a?FAKE-token", "/a", "")]
    [InlineData("/a?=v&&x=", "/a?=v&&x=", "/a", "x")]
    [InlineData("/a?x=1?y=2", "/a?x=1?y=2", "/a", "x")]
    [InlineData("/a%2Fb/../c;d", "/a%2Fb/../c;d", "/a%2Fb/../c;d", "")]
    [InlineData("//evil.test/a", "//evil.test/a", "//evil.test/a", "")]
    [InlineData("https://api.test", "/", "/", "")]
    [InlineData("https://api.test/", "/", "/", "")]
    [InlineData("https://api.test/a?x=1", "/a?x=1", "/a", "x")]
    [InlineData("https://api.test?x=1", "/?x=1", "/", "x")]
    [InlineData("http://api.test:443/a://b", "/a://b", "/a://b", "")]
    [InlineData("/a://b/c", "/a://b/c", "/a://b/c", "")]
    public void A_target_is_kept_as_sent_and_judged_by_its_path(string raw, string pathAndQuery, string path, string names)
    {
        var target = RequestTarget.Parse(raw)!;

        Assert.Equal((pathAndQuery, path, names), (target.PathAndQuery, target.Path, string.Join(' ', target.QueryNames)));
    }

    [Theory]
    [InlineData("*")]
    [InlineData("")]
    [InlineData("api.test:443")]
    [InlineData("api.test")]
    [InlineData("/a#b")]
    [InlineData("/a?x#b")]
    [InlineData("https://api.test/#")]
    [InlineData("https://user@api.test/")]
    [InlineData("https://user@api.test")]
    public void What_names_no_resource_is_refused(string raw) => Assert.Null(RequestTarget.Parse(raw));

    [Fact]
    public void Query_names_are_bounded() =>
        Assert.Equal(32, RequestTarget.Parse("/?" + string.Join('&', Enumerable.Range(0, 1000).Select(i => $"n{i}=v")))!.QueryNames.Count);

    [Theory]
    [InlineData("_method=DELETE", true)]
    [InlineData("a=b;%5fMETHOD=DELETE", true)]
    [InlineData(".method=DELETE", true)]
    [InlineData("%20_method=DELETE", true)]
    [InlineData("+_method=DELETE", true)]
    [InlineData("+%20.method=DELETE", true)]
    [InlineData("[method=DELETE", true)]
    [InlineData("%5bmethod=DELETE", true)]
    [InlineData("_method%00x=DELETE", true)]
    [InlineData("a=b&X-HTTP-Method-Override%00=DELETE", true)]
    [InlineData("a=_method", false)]
    [InlineData("_methods=x", false)]
    [InlineData("my_method=x", false)]
    [InlineData("%2B_method=x", false)]
    public void A_parameter_that_overrides_the_method_is_seen_as_PHP_reads_it(string query, bool overrides) =>
        Assert.Equal(overrides, RequestTarget.Parse("/?" + query)!.OverridingParameter is not null);

    [Theory]
    [InlineData("api.test", true)]
    [InlineData("API.test.", true)]
    [InlineData("api.test:443", true)]
    [InlineData("api.test:0443", true)]
    [InlineData("api.test:8443", false)]
    [InlineData("api.test:", false)]
    [InlineData("", false)]
    [InlineData("www.api.test", false)]
    [InlineData("api.test, api.test", false)]
    [InlineData("user@api.test", false)]
    [InlineData("api.test/", false)]
    [InlineData("api.test\0.evil.test", false)]
    [InlineData("[api.test]", false)]
    public void Host_must_be_the_destination(string host, bool isFor)
    {
        Assert.True(HostPort.TryParse("api.test:443", out var destination, out _));

        Assert.Equal(isFor, RequestTarget.IsFor(destination, host));
    }
}
