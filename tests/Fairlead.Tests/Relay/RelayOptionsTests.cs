using Fairlead.Relay;

namespace Fairlead.Tests.Relay;

public sealed class RelayOptionsTests
{
    private static readonly Dictionary<string, string> Everything = new()
    {
        ["HOME"] = "/home/u",
        ["FAIRLEAD_GATEWAY"] = "http://neutral",
        ["ANTHROPIC_BASE_URL"] = "http://base",
        ["FAIRLEAD_SESSION_ID"] = "neutral",
        ["CLAUDE_CODE_REMOTE_SESSION_ID"] = "remote",
        ["FAIRLEAD_TOKEN_FILE"] = "/neutral/token",
        ["FAIRLEAD_PORT"] = "8080",
        ["FAIRLEAD_FAIL"] = "closed",
    };

    [Fact]
    public void A_path_that_is_none_is_an_error_before_anything_is_touched()
    {
        Assert.Contains("--state-dir", Assert.Throws<OptionException>(() => RelayOptions.StateDirectoryFrom("", new Dictionary<string, string>())).Message, StringComparison.Ordinal);
        Assert.Contains("--ready-file: expected a path, got ''", Assert.Throws<OptionException>(() => RelayOptions.FullPath("", "--ready-file")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_flag_beats_a_FAIRLEAD_variable()
    {
        var options = RelayOptions.From(new RelayFlags { Gateway = "http://flag", SessionId = "flag", TokenFile = "/flag", Port = "9", Fail = "open" }, Everything);

        Assert.Equal(("http://flag", "flag", "/flag", 9, false), (options.Gateway, options.SessionId, options.TokenFile, options.Port, options.FailsClosed));
    }

    [Fact]
    public void A_FAIRLEAD_variable_beats_the_container_s_name()
    {
        var options = RelayOptions.From(new RelayFlags(), Everything);

        Assert.Equal(("http://neutral", "neutral", "/neutral/token", 8080, true), (options.Gateway, options.SessionId, options.TokenFile, options.Port, options.FailsClosed));
        Assert.True(options.IsGatewayNeutral);
    }

    [Fact]
    public void The_container_s_names_count_last_and_are_not_neutral()
    {
        var options = RelayOptions.From(
            new RelayFlags(),
            new Dictionary<string, string> { ["HOME"] = "/home/u", ["FAIRLEAD_GATEWAY"] = "", ["ANTHROPIC_BASE_URL"] = "http://base", ["CLAUDE_CODE_REMOTE_SESSION_ID"] = "remote" });

        Assert.Equal(("http://base", "remote", false), (options.Gateway, options.SessionId, options.IsGatewayNeutral));
        Assert.Equal("/run/ccr/session_token", options.TokenFile);
        Assert.Equal("/home/u/.ccr/ca-bundle.crt", options.CaBundle);
        Assert.Equal("/home/u/.fairlead", options.StateDirectory);
        Assert.Equal((0, 1024, false), (options.Port, options.MaxTunnels, options.FailsClosed));
        Assert.Equal((TimeSpan.FromSeconds(10), TimeSpan.FromHours(1)), (options.OpenTimeout, options.IdleTimeout));
    }

    [Theory]
    [InlineData("FAIRLEAD_PORT", "65536")]
    [InlineData("FAIRLEAD_PORT", "-1")]
    [InlineData("FAIRLEAD_PORT", "x")]
    [InlineData("FAIRLEAD_NO_PROXY_ADD", "a\nb")]
    [InlineData("FAIRLEAD_OPEN_TIMEOUT", "0")]
    [InlineData("FAIRLEAD_OPEN_TIMEOUT", "601")]
    [InlineData("FAIRLEAD_IDLE_TIMEOUT", "1h")]
    [InlineData("FAIRLEAD_NO_REUSE", "maybe")]
    public void A_variable_that_cannot_be_meant_costs_the_proxy_and_not_the_session(string name, string value)
    {
        var options = RelayOptions.From(new RelayFlags(), new Dictionary<string, string> { [name] = value });

        Assert.Contains(name, options.VariableProblem, StringComparison.Ordinal);
    }

    [Fact]
    public void A_flag_that_cannot_be_meant_is_an_error_and_so_is_an_unclear_wish_for_failing()
    {
        var none = new Dictionary<string, string>();

        Assert.Throws<OptionException>(() => RelayOptions.From(new RelayFlags { Port = "x" }, none));
        Assert.Throws<OptionException>(() => RelayOptions.From(new RelayFlags(), new Dictionary<string, string> { ["FAIRLEAD_FAIL"] = "maybe" }));
    }
}
