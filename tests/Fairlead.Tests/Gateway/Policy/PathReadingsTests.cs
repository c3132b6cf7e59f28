using System.Globalization;
using Fairlead.Gateway.Policy;
using Fairlead.Wire;

namespace Fairlead.Tests.Gateway.Policy;

public sealed class PathReadingsTests
{
    private static readonly string[] Pieces = [".", "..", "/", "/", "/", "%", "2", "f", "e", ";", "\\", "a", "a", "%2f", "%2e", "%5c", "%3b", "%252f", "%252e", "%61", "/a/", "/../", ";a", "//"];

    [Theory]
    [InlineData("/")]
    [InlineData("/a")]
    [InlineData("/a/b.c/d-e_f~g")]
    [InlineData("/a/")]
    [InlineData("/a..b")]
    [InlineData("/a=b&c,d+e:f@g!h$i'j(k)l*m")]
    public void A_plain_path_has_one_reading(string path) => Assert.Equal(path, Assert.Single(PathReadings.Of(path)));

    [Theory]
    [InlineData("/%61dmin", "/admin")]
    [InlineData("/%2561dmin", "/admin")]
    [InlineData("/x/../admin", "/admin")]
    [InlineData("/x/%2e%2e/admin", "/admin")]
    [InlineData("/x/%252e%252e/admin", "/admin")]
    [InlineData("/x/..%2fadmin", "/admin")]
    [InlineData("/x/..%5cadmin", "/admin")]
    [InlineData("/x\\..\\admin", "/admin")]
    [InlineData("/./admin", "/admin")]
    [InlineData("//admin", "/admin")]
    [InlineData("/;x=1/admin", "/admin")]
    [InlineData("/admin;x=1", "/admin")]
    [InlineData("/admin%3bx", "/admin")]
    [InlineData("/x/..;/admin", "/admin")]
    [InlineData("/../../admin", "/admin")]
    [InlineData("/x%2f..%2fadmin", "/admin")]
    [InlineData("/admin/.", "/admin/")]
    [InlineData("/admin/x/..", "/admin/")]
    [InlineData("/admin//", "/admin/")]
    [InlineData("/admin%2f", "/admin/")]
    // Servers disagree on what ".." takes away: the segment before it may be empty, a parameter, or hold a slash that is not one to them.
    [InlineData("/admin//../x", "/admin/x")]
    [InlineData("/admin/b%2fc/../x", "/admin/x")]
    [InlineData("/admin/b\\c/../x", "/admin/x")]
    [InlineData("/admin/..;/../x", "/admin/x")]
    [InlineData("/admin/b/%252e%252e/%2525252e%2525252e/x", "/x")]
    [InlineData("/admin/b/%252e%252e/%2525252e%2525252e/x", "/admin/%252e%252e/x")]
    [InlineData("/admin%3fx", "/admin")]
    [InlineData("/admin%23x", "/admin")]
    [InlineData("/admin%00.json", "/admin")]
    [InlineData("/admin%253fx", "/admin")]
    // Characters in encodings that no standard allows.
    [InlineData("/x/%c0%ae%c0%ae/admin", "/admin")]
    [InlineData("/x/..%c0%afadmin", "/admin")]
    [InlineData("/x/%e0%80%ae%e0%80%ae%e0%80%afadmin", "/admin")]
    [InlineData("/x/..%f0%80%80%afadmin", "/admin")]
    [InlineData("/x/..%c1%1cadmin", "/admin")]
    [InlineData("/x/%u002e%u002e%u2215admin", "/admin")]
    [InlineData("/x/..%ef%bc%8fadmin", "/admin")]
    [InlineData("/x/%25c0%25ae./admin", "/admin")]
    public void What_a_server_may_read_is_a_reading(string path, string reading) => Assert.Contains(reading, PathReadings.Of(path));

    [Theory]
    [InlineData("/a%20b", "/a%20b")]
    [InlineData("/projects/group%2Fname/issues", "/projects/group%2Fname/issues")]
    [InlineData("/v1/models/m:predict;x", "/v1/models/m:predict;x")]
    [InlineData("/a%", "/a%")]
    [InlineData("/a%2", "/a%2")]
    [InlineData("/a%zz", "/a%zz")]
    [InlineData("/%C3%A9t%C3%A9", "/\u00c3\u00a9t\u00c3\u00a9")]
    [InlineData("/a%c0", "/a\u00c0")]
    [InlineData("/a%u00", "/a%u00")]
    public void The_path_as_written_is_a_reading_too(string path, string reading) => Assert.Contains(reading, PathReadings.Of(path));

    [Fact]
    public void A_deny_is_not_evaded_by_any_spelling()
    {
        var policies = new[] { "/a/**", "/a/a/**", "/*/a/**" }
            .Select(p => (Prefix: p, Policy: Edge.PolicyOf([$"deny * api.test{p}", "allow * api.test"]))).ToArray();

        Seeded.Check(8_000, random =>
        {
            var path = RandomPath(random);
            foreach (var (prefix, policy) in policies)
            {
                var decision = policy.Decide(Facts(path));
                foreach (var reading in LenientServers.ReadingsOf(path))
                {
                    if (IsBelow(prefix, reading)) Assert.False(decision.LetsPass, $"{path} is let pass, but may be read as {reading}, which is below {prefix}");
                }
            }
        });
    }

    [Fact]
    public void An_allow_holds_only_when_every_reading_is_allowed()
    {
        var policies = new[] { "/a/**", "/a/a/**", "/*/a/**" }.Select(p => (Prefix: p, Policy: Edge.PolicyOf([$"allow * api.test{p}"]))).ToArray();

        Seeded.Check(8_000, random =>
        {
            var path = RandomPath(random);
            foreach (var (prefix, policy) in policies)
            {
                if (!policy.Decide(Facts(path)).LetsPass) continue;
                foreach (var reading in LenientServers.ReadingsOf(path))
                    Assert.True(IsBelow(prefix, reading), $"{path} is let pass by {prefix}, but may be read as {reading}");
            }
        });
    }

    [Fact]
    public void A_long_hostile_path_is_read_in_time()
    {
        var path = string.Concat(Enumerable.Repeat("/%252e%252e;\\//a%252f", 3000));
        var policy = Edge.PolicyOf(["deny * api.test/**/x/**", "allow * api.test/**"]);
        var began = TimeProvider.System.GetTimestamp();

        policy.Decide(Facts(path));

        Assert.True(TimeProvider.System.GetElapsedTime(began) < TimeSpan.FromSeconds(2), string.Create(CultureInfo.InvariantCulture, $"{TimeProvider.System.GetElapsedTime(began)}"));
    }

    private static string RandomPath(Random random) => "/" + string.Concat(Enumerable.Range(0, random.Next(1, 9)).Select(_ => random.Pick<string>(Pieces)));

    // A server that finds a file or a route: empty names do not count, as "/a//x" is below "/a" to everybody.
    private static bool IsBelow(string prefix, string path)
    {
        var wanted = prefix[1..^3].Split('/');
        var segments = path[1..].Split('/');
        return segments.Length >= wanted.Length && wanted.Zip(segments).All(p => p.First == "*" || p.First == p.Second);
    }

    private static RequestFacts Facts(string path) => HostPort.TryParse("api.test:443", out var destination, out _) ? new("GET", destination, path) : throw new InvalidOperationException();
}
