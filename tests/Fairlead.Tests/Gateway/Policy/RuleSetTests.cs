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
    [InlineData("/administrator", true)]
    public void A_deny_does_not_look_at_the_case_of_letters_and_an_allow_does(string path, bool passes)
    {
        Assert.Equal(passes, Decide(Edge.PolicyOf(["allow * api.test", "deny * api.test/admin/**"]), path).LetsPass);
        Assert.Equal(path == "/admin", Decide(Edge.PolicyOf(["allow * api.test/admin/**"]), path).LetsPass);
    }

    [Theory]
    [InlineData("/admin", "/admin/")]
    [InlineData("/admin", "/admin//")]
    [InlineData("/admin", "/admin/.")]
    [InlineData("/admin", "/admin/./")]
    [InlineData("/admin", "/admin.")]
    [InlineData("/admin", "/admin%2e")]
    [InlineData("/admin", "/admin%2f")]
    [InlineData("/admin", "/admin%252f")]
    [InlineData("/admin", "/admin%20")]
    [InlineData("/admin", "/admin%20%09")]
    [InlineData("/admin", "/admin/%20.")]
    [InlineData("/admin", "/ADMIN/")]
    [InlineData("/admin", "/x/../admin/")]
    [InlineData("/admin/", "/admin")]
    [InlineData("/admin/", "/admin/")]
    [InlineData("/admin.", "/admin")]
    [InlineData("/admin/*", "/admin/")]
    [InlineData("/admin/*/", "/admin/x")]
    [InlineData("/admin/*/", "/admin//")]
    [InlineData("/**/x", "/a/x/")]
    [InlineData("/**/", "/a/")]
    [InlineData("/", "//")]
    [InlineData("/", "/.")]
    public void A_deny_does_not_look_at_slashes_dots_and_blanks_at_the_end(string pattern, string path) =>
        Assert.Equal($"deny * api.test{pattern}", Decide(Edge.PolicyOf(["allow * api.test", $"deny * api.test{pattern}"]), path).Rule);

    [Theory]
    [InlineData("/admin", "/admin/x")]
    [InlineData("/admin", "/admins")]
    [InlineData("/admin", "/")]
    [InlineData("/admin", "/.admin")]
    [InlineData("/**/", "/a")]
    [InlineData("/", "/a")]
    public void It_looks_at_the_rest(string pattern, string path) =>
        Assert.True(Decide(Edge.PolicyOf(["allow * api.test", $"deny * api.test{pattern}"]), path).LetsPass);

    [Theory]
    [InlineData("/open", "/open/")]
    [InlineData("/open/", "/open")]
    [InlineData("/open", "/open%20")]
    public void An_allow_looks_at_all_of_it(string pattern, string path) =>
        Assert.False(Decide(Edge.PolicyOf([$"allow * api.test{pattern}"]), path).LetsPass);

    [Theory]
    [InlineData("/graphql")]
    [InlineData("/GraphQL")]
    [InlineData("/graphql/")]
    [InlineData("/%47raphql%2f")]
    public void A_rule_under_a_condition_is_found_in_the_same_way(string path)
    {
        var rule = Edge.RuleOf("deny * api.test/graphql").When([new Condition.GraphQl(["mutation"])]);
        var policy = new RuleSet("p", PolicyMode.Enforce, Verdict.Allow, [rule]);
        Assert.True(HostPort.TryParse("api.test:443", out var destination, out _));
        var facts = new RequestFacts("POST", destination, path);

        Assert.True(policy.HasConditionsFor(facts));
        Assert.True(policy.NeedsBodyOf(facts));
        Assert.False(policy.Decide(facts).LetsPass);
        Assert.False(policy.NeedsBodyOf(new RequestFacts("POST", destination, "/graphqls")));
    }

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
