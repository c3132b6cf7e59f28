using Fairlead.Gateway.Credentials;

namespace Fairlead.Tests.Gateway.Credentials;

public sealed class InjectedParameterTests
{
    [Theory]
    [InlineData("/", "/?api_key=FAKE%2Fa%2Bb")]
    [InlineData("/?", "/?api_key=FAKE%2Fa%2Bb")]
    [InlineData("/p%41th?q=%41+b&x", "/p%41th?q=%41+b&x&api_key=FAKE%2Fa%2Bb")]
    [InlineData("/?api_key=own", "/?api_key=FAKE%2Fa%2Bb")]
    [InlineData("/?api_key=own&a=1", "/?a=1&api_key=FAKE%2Fa%2Bb")]
    [InlineData("/?a=1&api_key=own&api_key=twice&b=2", "/?a=1&b=2&api_key=FAKE%2Fa%2Bb")]
    [InlineData("/?a=1&api%5Fkey=own", "/?a=1&api_key=FAKE%2Fa%2Bb")]
    [InlineData("/?a=1&API_KEY=own", "/?a=1&api_key=FAKE%2Fa%2Bb")]
    [InlineData("/?a=1;api_key=own;b=2", "/?a=1;b=2&api_key=FAKE%2Fa%2Bb")]
    [InlineData("/?api_key", "/?api_key=FAKE%2Fa%2Bb")]
    [InlineData("/?api_key[]=own&api_key[x]=own", "/?api_key=FAKE%2Fa%2Bb")]
    [InlineData("/?my_api_key=own&api_keys=1", "/?my_api_key=own&api_keys=1&api_key=FAKE%2Fa%2Bb")]
    [InlineData("/?a&&b?c", "/?a&&b?c&api_key=FAKE%2Fa%2Bb")]
    public void It_takes_the_place_of_the_workloads_own_and_the_rest_stays_byte_for_byte(string target, string sent) =>
        Assert.Equal(sent, InjectedParameter.SetIn(target, [ParameterOf("api_key")]));

    [Theory]
    [InlineData("")]
    [InlineData("a b")]
    [InlineData("a=b")]
    [InlineData("a&b")]
    [InlineData("a%41")]
    public void What_is_no_plain_name_is_refused(string name)
    {
        var problem = InjectedParameter.TryCreate(name, "{a}", new Dictionary<string, ISecret> { ["a"] = Given.Secret("a", "FAKE") }, out var parameter);

        Assert.EndsWith("is not the name of a parameter: expected letters, digits, '-', '_', '.' and '~'", problem, StringComparison.Ordinal);
        Assert.Null(parameter);
    }

    [Fact]
    public void It_has_no_string_form() => Assert.Equal("api_key=***", ParameterOf("api_key").ToString());

    private static InjectedParameter ParameterOf(string name)
    {
        Assert.Null(InjectedParameter.TryCreate(name, "{a}", new Dictionary<string, ISecret> { ["a"] = Given.Secret("a", "FAKE/a+b") }, out var parameter));
        return parameter!;
    }
}
