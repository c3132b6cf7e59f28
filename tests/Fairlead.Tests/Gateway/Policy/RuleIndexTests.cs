using Fairlead.Gateway.Policy;
using Fairlead.Wire;

namespace Fairlead.Tests.Gateway.Policy;

public sealed class RuleIndexTests
{
    private static readonly string[] Hosts = ["a.test", "b.a.test", "c.b.a.test", "test", "a.test:8443", "192.0.2.1", "[2001:db8::1]"];
    private static readonly string[] Patterns = ["a.test", "*.a.test", "**.a.test", "*.test", "**.test", "**", "**:8443", "a.test:8443", "192.0.2.1", "[2001:db8::1]", "b.a.test"];
    private static readonly string[] Segments = ["x", "y", "xy", "", "z1"];
    private static readonly string[] PatternSegments = ["x", "y", "x*", "*", "**", "", "*1"];

    [Fact]
    public void The_index_finds_what_a_search_from_the_first_rule_to_the_last_finds() => Seeded.Check(400, random =>
    {
        Rule[] rules = [.. Enumerable.Range(0, random.Next(1, 40)).Select(_ => RandomRule(random))];
        var index = new RuleIndex(rules, r => r.Verdict == Verdict.Allow);
        for (var i = 0; i < 50; i++)
        {
            var path = "/" + string.Join('/', Enumerable.Range(0, random.Next(1, 5)).Select(_ => Pick(random, Segments)));
            var facts = new RequestFacts(Pick(random, ["GET", "POST"]), DestinationOf(Pick(random, Hosts)), path);

            var expected = Array.FindIndex(rules, r => r.Verdict == Verdict.Allow && r.IsAbout(facts.Method) && r.Hosts.Any(h => h.Matches(facts.Destination)) && r.Path.Matches(path));

            Assert.Equal(expected < 0 ? RuleIndex.None : expected, index.Find(facts, path));
        }
    });

    [Fact]
    public void Where_a_policy_could_allow_nothing_no_request_passes() => Seeded.Check(400, random =>
    {
        var mode = Pick(random, [PolicyMode.Enforce, PolicyMode.Enforce, PolicyMode.Observe, PolicyMode.Open]);
        var fallback = Pick(random, [Verdict.Deny, Verdict.Deny, Verdict.Allow]);
        Rule[] rules = [.. Enumerable.Range(0, random.Next(1, 8)).Select(_ => RandomRule(random))];
        var policy = new RuleSet("p", mode, fallback, rules);
        foreach (var host in Hosts)
        {
            var couldAllow = policy.CouldAllow(DestinationOf(host));
            string[] paths = ["/", .. Enumerable.Range(0, 20).Select(_ => "/" + string.Join('/', Enumerable.Range(0, random.Next(1, 5)).Select(_ => Pick(random, Segments))))];

            // Nothing that it calls closed is open. The other way round it may be too careful: rules that deny can cover one that allows.
            if (!couldAllow) Assert.All(paths, path => Assert.False(policy.Decide(new RequestFacts("GET", DestinationOf(host), path)).LetsPass));
            if (mode != PolicyMode.Enforce) Assert.True(couldAllow);
            if (rules.All(r => r.Verdict == Verdict.Allow)) Assert.Equal(mode != PolicyMode.Enforce || fallback == Verdict.Allow || rules.Any(r => r.Hosts.Any(h => h.Matches(DestinationOf(host)))), couldAllow);
        }
    });

    [Theory]
    [InlineData("allow GET *.a.test/v1/**", "b.a.test", true)]
    [InlineData("allow GET *.a.test/v1/**", "a.test", false)]
    [InlineData("allow GET *.a.test/v1/**", "b.a.test:8443", false)]
    [InlineData("allow GET **.a.test; deny * b.a.test", "b.a.test", false)]
    [InlineData("allow GET **.a.test; deny POST b.a.test", "b.a.test", true)]
    [InlineData("allow GET **.a.test; deny * b.a.test/x/**", "b.a.test", true)]
    [InlineData("allow * **", "192.0.2.1", true)]
    [InlineData("allow * *.test", "192.0.2.1", false)]
    public void A_host_is_closed_when_nothing_allows_it_or_everything_is_denied(string rules, string host, bool couldAllow) =>
        Assert.Equal(couldAllow, Edge.PolicyOf(rules.Split("; ")).CouldAllow(DestinationOf(host)));

    [Fact]
    public void A_decision_about_a_plain_path_allocates_nothing()
    {
        var policy = Edge.PolicyOf([.. Enumerable.Range(0, 1000).Select(i => $"allow GET h{i}.test/v1/**"), "deny * **.test/secret/**", "allow GET *.b.test/x/*/y"]);
        RequestFacts[] requests =
        [
            new("GET", DestinationOf("h7.test"), "/v1/a/b"),
            new("GET", DestinationOf("a.b.test"), "/x/1/y"),
            new("GET", DestinationOf("nowhere.example"), "/"),
            new("POST", DestinationOf("h7.test"), "/secret/a"),
        ];
        foreach (var request in requests) policy.Decide(request);

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
        {
            foreach (var request in requests) policy.Decide(request);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void A_long_path_with_many_readings_is_not_judged()
    {
        var policy = Edge.PolicyOf(["allow * **"]);
        var path = "/" + string.Concat(Enumerable.Repeat("%2e;/", 2000));

        var decision = policy.Decide(new RequestFacts("GET", DestinationOf("a.test"), path));

        Assert.False(decision.LetsPass);
        Assert.Equal("path: too long", decision.Rule);
        Assert.True(policy.Decide(new RequestFacts("GET", DestinationOf("a.test"), new string('/', 1) + new string('a', 50_000))).LetsPass);
    }

    private static Rule RandomRule(Random random)
    {
        var path = "/" + string.Join('/', Enumerable.Range(0, random.Next(1, 4)).Select(_ => Pick(random, PatternSegments)));
        return Edge.RuleOf($"{Pick(random, ["allow", "deny"])} {Pick(random, ["*", "GET", "GET,POST"])} {Pick(random, Patterns)}{(random.Next(4) == 0 ? "" : path)}");
    }

    private static T Pick<T>(Random random, T[] from) => from[random.Next(from.Length)];

    private static HostPort DestinationOf(string text)
    {
        Assert.True(HostPort.TryParse(text, 443, out var destination, out _));
        return destination;
    }
}
