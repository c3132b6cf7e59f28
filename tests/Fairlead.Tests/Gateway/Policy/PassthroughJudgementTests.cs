using Fairlead.Gateway.Policy;
using Fairlead.Wire;

namespace Fairlead.Tests.Gateway.Policy;

public sealed class PassthroughJudgementTests
{
    [Theory]
    [InlineData("allow * pinned.test", "allow * pinned.test")]
    [InlineData("allow * pinned.test/**", "allow * pinned.test/**")]
    [InlineData("allow * *.test", "allow * *.test")]
    [InlineData("allow * **", "allow * **")]
    [InlineData("allow GET pinned.test; allow * pinned.test", "allow * pinned.test")]
    [InlineData("allow * pinned.test; deny * other.test; deny * pinned.test:8443", "allow * pinned.test")]
    [InlineData("", null)]
    [InlineData("allow * other.test", null)]
    [InlineData("allow * pinned.test:8443", null)]
    [InlineData("allow GET pinned.test", null)]
    [InlineData("allow * pinned.test/v1/**", null)]
    [InlineData("allow * pinned.test/", null)]
    [InlineData("allow * pinned.test; deny * pinned.test/admin", null)]
    [InlineData("deny DELETE **; allow * pinned.test", null)]
    [InlineData("allow * pinned.test; deny TRACE *.test", null)]
    public void A_host_is_passed_through_only_where_nothing_could_refuse_a_request(string rules, string? rule)
    {
        foreach (var mode in new[] { PolicyMode.Enforce, PolicyMode.Observe })
        {
            var judgement = PassthroughJudgement.Of(PolicyOf(rules, mode), To("pinned.test:443"));

            Assert.Equal(rule, judgement?.Allowed?.Rule);
            Assert.StartsWith(rule is null ? "It is intercepted all the same, since " : "Its TLS is passed through", judgement?.Why, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("", "default: allow")]
    [InlineData("deny * other.test", "default: allow")]
    [InlineData("deny * pinned.test/admin", null)]
    public void So_it_is_where_the_default_allows(string rules, string? rule) =>
        Assert.Equal(rule, PassthroughJudgement.Of(PolicyOf(rules, fallback: Verdict.Allow), To("pinned.test:443"))?.Allowed?.Rule);

    [Fact]
    public void An_open_policy_asks_no_rule() =>
        Assert.Equal("mode: open", PassthroughJudgement.Of(PolicyOf("deny * pinned.test", PolicyMode.Open), To("pinned.test:443"))?.Allowed?.Rule);

    [Fact]
    public void A_rule_under_a_condition_is_one_that_looks_inside()
    {
        var rule = Edge.RuleOf("allow * pinned.test").When([new Condition.HasHeader(["X-Ok"])]);
        var denial = Edge.RuleOf("deny * pinned.test").When([new Condition.HasHeader(["X-Debug"])]);

        Assert.Null(PassthroughJudgement.Of(new RuleSet("p", PolicyMode.Enforce, Verdict.Deny, [rule], null, [Edge.HostOf("pinned.test")]), To("pinned.test:443"))!.Allowed);
        Assert.Null(PassthroughJudgement.Of(new RuleSet("p", PolicyMode.Enforce, Verdict.Allow, [denial], null, [Edge.HostOf("pinned.test")]), To("pinned.test:443"))!.Allowed);
    }

    [Theory]
    [InlineData("other.test:443")]
    [InlineData("a.pinned.test:443")]
    [InlineData("pinned.test:8443")]
    [InlineData("fairlead.test:443")]
    public void What_is_not_named_is_not_passed_through(string destination) =>
        Assert.Null(PassthroughJudgement.Of(Edge.PolicyOf(["allow * **", "allow * **:8443"], passthrough: ["pinned.test", "fairlead.test"]), To(destination)));

    private static RuleSet PolicyOf(string rules, PolicyMode mode = PolicyMode.Enforce, Verdict fallback = Verdict.Deny) =>
        Edge.PolicyOf(rules.Split("; ", StringSplitOptions.RemoveEmptyEntries), mode, fallback, passthrough: ["pinned.test"]);

    private static HostPort To(string destination) => HostPort.TryParse(destination, out var to, out var problem) ? to : throw new ArgumentException(problem, nameof(destination));
}
