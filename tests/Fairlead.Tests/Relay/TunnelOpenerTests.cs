using Microsoft.AspNetCore.Http;

namespace Fairlead.Tests.Relay;

/// <summary>A gateway that restarts, an ingress that has nobody behind it, a network that cuts: what is tried again, and what is not.</summary>
public sealed class TunnelOpenerTests : IAsyncLifetime
{
    private const string Connect = "CONNECT echo.test:443 HTTP/1.1\r\n\r\n";

    private TestGateway _gateway = null!;
    private int _upgrades;

    public async ValueTask InitializeAsync() => _gateway = await TestGateway.StartAsync();

    public ValueTask DisposeAsync() => _gateway.DisposeAsync();

    [Theory(Timeout = Limits.TestMilliseconds)]
    [InlineData(502)]
    [InlineData(503)]
    [InlineData(504)]
    [InlineData(0)]
    public async Task What_an_ingress_says_while_the_gateway_restarts_is_tried_again(int status)
    {
        await using var relay = await RelayUnderTest.StartAsync(_gateway, options => options with { OpenTimeout = Limits.Test });
        _gateway.OnUpgrade = context =>
        {
            if (++_upgrades == 3) _gateway.OnUpgrade = null;
            if (status == 0) context.Abort();
            else context.Response.StatusCode = status;
            return Task.CompletedTask;
        };
        using var tool = await relay.ConnectAsync();

        await tool.SendAsync(Connect);
        var tunnel = await _gateway.AcceptAsync();
        await tunnel.SendAsync("HTTP/1.1 200 OK\r\n\r\n");

        Assert.Equal("HTTP/1.1 200", await tool.ReadAsync(12));
        Assert.Equal(3, _upgrades);
    }

    [Theory(Timeout = Limits.TestMilliseconds)]
    [InlineData(401)]
    [InlineData(403)]
    [InlineData(404)]
    [InlineData(415)]
    [InlineData(426)]
    [InlineData(500)]
    [InlineData(302)]
    public async Task What_will_not_pass_is_told_at_once(int status)
    {
        await using var relay = await RelayUnderTest.StartAsync(_gateway, options => options with { OpenTimeout = Limits.Test });
        _gateway.OnUpgrade = Refuse(status);
        using var tool = await relay.ConnectAsync();

        await tool.SendAsync(Connect);
        var answer = await tool.ReadToEndAsync();

        Assert.StartsWith("HTTP/1.1 502 ", answer, StringComparison.Ordinal);
        Assert.DoesNotContain("tried", answer, StringComparison.Ordinal);
        Assert.Equal(1, _upgrades);
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task A_gateway_that_comes_back_within_the_limit_is_waited_for()
    {
        var port = _gateway.Port;
        await using var relay = await RelayUnderTest.StartAsync(_gateway, options => options with { OpenTimeout = Limits.Test });
        await _gateway.DisposeAsync();
        using var tool = await relay.ConnectAsync();

        await tool.SendAsync(Connect);
        while (relay.Relay.Status.Tunnels.Count == 0) await Task.Yield();
        _gateway = await TestGateway.StartAsync(port: port);

        Assert.StartsWith("CONNECT", (await (await _gateway.AcceptAsync()).ReadChunkAsync())!.Data.ToStringUtf8(), StringComparison.Ordinal);
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task The_answer_says_how_often_it_was_tried_and_what_came_last()
    {
        await using var relay = await RelayUnderTest.StartAsync(_gateway);
        _gateway.OnUpgrade = Refuse(503);
        using var tool = await relay.ConnectAsync();

        await tool.SendAsync(Connect);
        var answer = await tool.ReadToEndAsync();

        Assert.Matches(@"refused the tunnel with status 503: .* \(tried [0-9]+ times in [0-9.]+ s\)\.\n$", answer);
        Assert.True(_upgrades > 1);
        Assert.Contains($"(tried {_upgrades} times", answer, StringComparison.Ordinal);
        Assert.Equal(("gateway", "echo.test:443"), (relay.Relay.Status.Refusals[0].Kind, relay.Relay.Status.Refusals[0].Host));
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task A_peer_that_asks_to_be_left_alone_for_longer_than_the_limit_is()
    {
        await using var relay = await RelayUnderTest.StartAsync(_gateway, options => options with { OpenTimeout = Limits.Test });
        _gateway.OnUpgrade = Refuse(503, retryAfter: "120");
        using var tool = await relay.ConnectAsync();

        await tool.SendAsync(Connect);
        var answer = await tool.ReadToEndAsync();

        Assert.Contains("it asks to be left alone for 120 s", answer, StringComparison.Ordinal);
        Assert.Equal(1, _upgrades);
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task A_short_Retry_After_is_kept()
    {
        await using var relay = await RelayUnderTest.StartAsync(_gateway, options => options with { OpenTimeout = Limits.Test });
        var refused = TimeProvider.System.GetTimestamp();
        _gateway.OnUpgrade = context =>
        {
            refused = TimeProvider.System.GetTimestamp();
            _gateway.OnUpgrade = null;
            return Refuse(503, retryAfter: "1")(context);
        };
        using var tool = await relay.ConnectAsync();

        await tool.SendAsync(Connect);
        await _gateway.AcceptAsync();

        Assert.True(TimeProvider.System.GetElapsedTime(refused) >= TimeSpan.FromSeconds(0.99));
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task A_gateway_that_is_silent_is_told_with_what_came_before()
    {
        await using var relay = await RelayUnderTest.StartAsync(_gateway);
        _gateway.OnUpgrade = context =>
        {
            _gateway.OnUpgrade = hanging => Task.Delay(Timeout.InfiniteTimeSpan, hanging.RequestAborted);
            return Refuse(504)(context);
        };
        using var tool = await relay.ConnectAsync();

        await tool.SendAsync(Connect);

        Assert.Matches(@"the gateway did not open a tunnel within 2 s \(attempt 2; the one before: .* status 504\)\.\n$", await tool.ReadToEndAsync());
        Assert.Equal("timeout", relay.Relay.Status.Refusals[0].Kind);
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task An_attempt_cut_off_soon_after_it_began_says_less_than_what_the_others_met()
    {
        await using var relay = await RelayUnderTest.StartAsync(_gateway);
        var first = TimeProvider.System.GetTimestamp();
        _gateway.OnUpgrade = async context =>
        {
            // Most of the relay's 2 s go to refusals; the attempt that they leave a little for is not answered.
            if (TimeProvider.System.GetElapsedTime(first) > TimeSpan.FromSeconds(1.6)) await Task.Delay(Timeout.InfiniteTimeSpan, context.RequestAborted);
            await Refuse(503)(context);
        };
        using var tool = await relay.ConnectAsync();

        await tool.SendAsync(Connect);

        Assert.Matches(@"refused the tunnel with status 503: .* \(tried [0-9]+ times in [0-9.]+ s\)\.\n$", await tool.ReadToEndAsync());
        Assert.Equal("gateway", relay.Relay.Status.Refusals[0].Kind);
    }

    private RequestDelegate Refuse(int status, string? retryAfter = null) => context =>
    {
        _upgrades++;
        context.Response.StatusCode = status;
        if (retryAfter is not null) context.Response.Headers.RetryAfter = retryAfter;
        return Task.CompletedTask;
    };
}
