using Fairlead.Relay;
using Fairlead.Relay.Startup;

namespace Fairlead.Tests.Relay;

public sealed class GatesTests
{
    [Theory]
    [InlineData("1", true)]
    [InlineData("true", true)]
    [InlineData("TRUE", true)]
    [InlineData("Yes", true)]
    [InlineData("on", true)]
    [InlineData("0", false)]
    [InlineData("false", false)]
    [InlineData("no", false)]
    [InlineData("2", false)]
    [InlineData("", false)]
    [InlineData(" 1", false)]
    [InlineData(null, false)]
    public void Truthy_is_1_true_yes_and_on_in_any_case(string? value, bool expected) => Assert.Equal(expected, Gates.IsTruthy(value));

    [Theory]
    [InlineData(null, null, "s", "gate 1")]
    [InlineData("0", "1", "s", "gate 1")]
    [InlineData("1", null, "s", "gate 2")]
    [InlineData("1", "no", "s", "gate 2")]
    [InlineData("1", "1", null, "gate 3")]
    [InlineData("1", "1", "", "gate 3")]
    [InlineData("1", "1", "s", null)]
    public void The_first_gate_that_does_not_hold_is_named(string? remote, string? enabled, string? session, string? gate)
    {
        var environment = new Dictionary<string, string>();
        if (remote is not null) environment["CLAUDE_CODE_REMOTE"] = remote;
        if (enabled is not null) environment["CCR_UPSTREAM_PROXY_ENABLED"] = enabled;

        var why = Gates.WhyOff(hasNeutralGateway: false, session, environment);

        if (gate is null) Assert.Null(why);
        else Assert.StartsWith(gate, why, StringComparison.Ordinal);
    }

    [Fact]
    public void A_neutral_gateway_stands_for_gates_1_and_2_but_not_for_3()
    {
        Assert.Null(Gates.WhyOff(hasNeutralGateway: true, "s", new Dictionary<string, string>()));
        Assert.StartsWith("gate 3", Gates.WhyOff(hasNeutralGateway: true, null, new Dictionary<string, string>()), StringComparison.Ordinal);
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task A_gate_that_does_not_hold_touches_no_file_and_asks_nobody()
    {
        await using var gateway = await TestGateway.StartAsync();
        await using var relay = new RelayUnderTest();
        relay.Options = relay.Options with { Gateway = gateway.Url, IsGatewayNeutral = false };

        var outcome = await relay.StartAsync();

        Assert.IsType<StartupOutcome.Off>(outcome);
        Assert.True(File.Exists(relay.Options.TokenFile));
        Assert.False(Directory.Exists(Path.GetDirectoryName(relay.Options.CaBundle)));
        Assert.Empty(gateway.RequestLines);
    }
}
