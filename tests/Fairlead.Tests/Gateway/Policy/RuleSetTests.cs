using Fairlead.Gateway.Policy;
using Fairlead.Wire;

namespace Fairlead.Tests.Gateway.Policy;

public sealed class RuleSetTests
{
    [Theory]
    [InlineData("/v1/x", true, "allow GET api.test/v1/**", "A rule of policy 'p' matches.")]
    [InlineData("/v1/secret/x", false, "deny * api.test/v1/secret/**", "A rule of policy 'p' matches.")]
    [InlineData("/v1/%73ecret/x", false, "deny * api.test/v1/secret/**", "A rule of policy 'p' matches the path read as '/v1/secret/x'.")]
    [InlineData("/v2", false, "default: deny", "No rule of policy 'p' matches.")]
    [InlineData("/v1/../v2", false, "default: deny", "The path can also be read as '/v2', which no rule of policy 'p' allows.")]
    public void A_decision_has_its_rule_and_its_reason(string path, bool passes, string rule, string reason)
    {
        var policy = Edge.PolicyOf(["allow GET api.test/v1/**", "deny * api.test/v1/secret/**"]);

        var decision = Decide(policy, path);

        Assert.Equal((passes, true, rule, reason), (decision.LetsPass, decision.IsEnforced, decision.Rule, decision.Reason));
    }

    [Theory]
    [InlineData("/projects/group%2Fname/issues")]
    [InlineData("/projects/a%20b%25c")]
    [InlineData("/projects/@scope%2fpackage/-/file.tgz")]
    [InlineData("/projects//a;v=1/b/../c%3Fd")]
    public void What_is_odd_but_stays_below_the_allowed_path_passes(string path) =>
        Assert.True(Decide(Edge.PolicyOf(["allow GET api.test/projects/**"]), path).LetsPass);

    [Fact]
    public void Deny_wins_whatever_the_order()
    {
        string[] rules = ["allow * api.test", "deny * api.test/x", "allow GET api.test/x", "allow GET **"];

        foreach (var rotation in Enumerable.Range(0, rules.Length))
        {
            string[] rotated = [.. rules[rotation..], .. rules[..rotation]];
            Assert.Equal("deny * api.test/x", Decide(Edge.PolicyOf(rotated), "/x").Rule);
            Assert.True(Decide(Edge.PolicyOf(rotated), "/y").LetsPass);
        }
    }

    [Theory]
    [InlineData("/Admin/x", false)]
    [InlineData("/%41DMIN", false)]
    [InlineData("/admin", false)]
    [InlineData("/PUBLIC/x", false)]
    [InlineData("/public/Admin", true)]
    public void A_deny_does_not_look_at_the_case_of_letters_and_an_allow_does(string path, bool passes) =>
        Assert.Equal(passes, Decide(Edge.PolicyOf(["allow * api.test/public/**", "deny * api.test/admin/**"]), path).LetsPass);

    [Fact]
    public void The_first_rule_that_matches_gives_its_name() =>
        Assert.Equal("allow GET api.test/**", Decide(Edge.PolicyOf(["allow GET api.test/**", "allow * api.test"]), "/x").Rule);

    [Fact]
    public void The_default_decides_where_nothing_matches()
    {
        Assert.Equal((false, "default: deny"), Told(Decide(Edge.PolicyOf([]), "/")));
        Assert.Equal((true, "default: allow"), Told(Decide(Edge.PolicyOf([], fallback: Verdict.Allow), "/")));
        Assert.Equal((false, "deny * api.test"), Told(Decide(Edge.PolicyOf(["deny * api.test"], fallback: Verdict.Allow), "/")));
    }

    [Fact]
    public void Observing_lets_pass_and_still_says_deny()
    {
        var decision = Decide(Edge.PolicyOf(["deny * api.test"], PolicyMode.Observe), "/");

        Assert.True(decision.LetsPass);
        Assert.Equal((Verdict.Deny, false, "deny * api.test"), (decision.Verdict, decision.IsEnforced, decision.Rule));
    }

    [Fact]
    public void Open_asks_no_rule()
    {
        var decision = Decide(Edge.PolicyOf(["deny * api.test"], PolicyMode.Open), "/");

        Assert.True(decision.LetsPass);
        Assert.Equal("mode: open", decision.Rule);
    }

    [Theory]
    [InlineData("api.test:443", true)]
    [InlineData("api.test:8443", false)]
    [InlineData("www.api.test:443", false)]
    [InlineData("192.0.2.1:443", false)]
    public void A_rule_is_for_its_host_and_port(string destination, bool passes)
    {
        Assert.True(HostPort.TryParse(destination, out var to, out _));

        Assert.Equal(passes, Edge.PolicyOf(["allow * api.test"]).Decide(new RequestFacts("GET", to, "/")).LetsPass);
    }

    [Fact]
    public void Every_decision_has_a_rule_and_a_reason() => Seeded.Check(2000, random =>
    {
        string[] rules = [.. Enumerable.Range(0, random.Next(4)).Select(_ => $"{random.Pick("allow", "deny")} {random.Pick("GET", "*", "POST")} {random.Pick("api.test", "**", "*.test")}{random.Pick("", "/a/**", "/*")}")];
        var policy = Edge.PolicyOf(rules, random.Pick(PolicyMode.Enforce, PolicyMode.Observe, PolicyMode.Open), random.Pick(Verdict.Allow, Verdict.Deny));

        var decision = Decide(policy, "/" + random.Pick("", "a", "a/%2e%2e/b", "//", "b;c"));

        Assert.NotEmpty(decision.Rule);
        Assert.NotEmpty(decision.Reason);
        Assert.True(decision.IsEnforced == (policy.Mode == PolicyMode.Enforce));
    });

    private static (bool, string) Told(Decision decision) => (decision.LetsPass, decision.Rule);

    private static Decision Decide(RuleSet policy, string path)
    {
        Assert.True(HostPort.TryParse("api.test:443", out var destination, out _));
        return policy.Decide(new RequestFacts("GET", destination, path));
    }
}
