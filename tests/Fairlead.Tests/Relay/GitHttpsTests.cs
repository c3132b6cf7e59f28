using Fairlead.Relay.Trust;

namespace Fairlead.Tests.Relay;

public sealed class GitHttpsTests
{
    [Fact]
    public void Without_a_host_nothing_is_set() => Assert.Empty(Variables([]));

    [Fact]
    public void Ours_come_behind_the_users() => Assert.Equal(
        [
            ("GIT_CONFIG_KEY_1", "url.https://a.test/.insteadOf"), ("GIT_CONFIG_VALUE_1", "git@a.test:"),
            ("GIT_CONFIG_KEY_2", "url.https://a.test/.insteadOf"), ("GIT_CONFIG_VALUE_2", "ssh://git@a.test/"),
            ("GIT_CONFIG_COUNT", "3"),
        ],
        Variables(["a.test"], ("GIT_CONFIG_COUNT", "1"), ("GIT_CONFIG_KEY_0", "user.name"), ("GIT_CONFIG_VALUE_0", "mine")));

    [Fact]
    public void What_another_relay_has_set_is_not_set_twice()
    {
        var outer = Variables(["a.test"]).ToArray();

        Assert.Equal([("GIT_CONFIG_COUNT", "2")], Variables(["a.test"], outer));
    }

    [Fact]
    public void A_count_that_git_refuses_is_left_for_git_to_refuse() => Assert.Empty(Variables(["a.test"], ("GIT_CONFIG_COUNT", "many")));

    [Fact]
    public void A_count_that_nobody_can_mean_is_left_alone() => Assert.Empty(Variables(["a.test"], ("GIT_CONFIG_COUNT", "2147483647")));

    private static IEnumerable<(string Name, string Value)> Variables(string[] hosts, params (string Name, string Value)[] environment) => GitHttps.Variables(
        new TrustFacts { Port = 1, NoProxy = "", CaBundle = "/b", GitHttpsHosts = hosts, Environment = environment.ToDictionary(v => v.Name, v => v.Value) });
}
