using System.Net;
using Fairlead.Gateway.Sessions;
using Fairlead.Wire;

namespace Fairlead.Tests.Gateway;

/// <summary>What one session may take, asked of a whole gateway.</summary>
public sealed class SessionLimitTests : IAsyncDisposable
{
    private readonly OriginCa _ca = new();
    private Origin? _origin;
    private Edge? _edge;

    public async ValueTask DisposeAsync()
    {
        if (_edge is not null) await _edge.DisposeAsync();
        if (_origin is not null) await _origin.DisposeAsync();
        _ca.Dispose();
    }

    [Fact]
    public async Task A_tunnel_too_many_is_answered_429_and_one_that_closed_makes_room()
    {
        await StartAsync(new SessionLimits { Tunnels = 2 });
        await using var one = await Workload.OpenAsync(_edge!);
        var two = await Workload.OpenAsync(_edge!);

        await using var three = await Workload.ConnectAsync(_edge!);

        Assert.Equal(429, three.Answer.Status);
        Assert.Contains("the session has 2 open tunnels, which is its limit", three.Answer.Body, StringComparison.Ordinal);
        Assert.Equal("limit", three.Answer["Fairlead-Reason"]);
        await two.CloseAsync();
        await UntilAsync(async () =>
        {
            await using var four = await Workload.ConnectAsync(_edge!);
            return four.Answer.Status == 200;
        });
        Assert.Contains(await _edge!.StopAsync(), r => r.GetProperty("outcome").GetString() == "limited" && r.GetProperty("status").GetInt32() == 429);
    }

    [Fact]
    public async Task Requests_beyond_the_rate_are_answered_429_with_when_to_come_back_and_reach_nobody()
    {
        await StartAsync(new SessionLimits { RequestsPerMinute = 2 });
        await using var workload = await Workload.OpenAsync(_edge!);

        Assert.Equal(200, (await workload.GetAsync()).Status);
        Assert.Equal(200, (await workload.GetAsync()).Status);
        var refused = await workload.GetAsync();

        Assert.Equal(429, refused.Status);
        Assert.InRange(int.Parse(refused["Retry-After"]!, System.Globalization.CultureInfo.InvariantCulture), 1, 30);
        Assert.Contains("the session may make 2 requests a minute", refused.Body, StringComparison.Ordinal);
        Assert.Equal(2, _origin!.Requests.Count);
        Assert.Contains(workload.Notices, n => n.Kind == NoticeKind.Limit);
    }

    [Theory]
    [InlineData("Content-Length: 11\r\n\r\nhello world")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n6\r\nhello \r\n5\r\nworld\r\n0\r\n\r\n")]
    public async Task A_body_that_is_too_long_is_answered_413(string body)
    {
        await StartAsync(new SessionLimits { MaxBody = 10 });
        await using var workload = await Workload.OpenAsync(_edge!);

        var refused = await workload.SendAsync($"POST / HTTP/1.1\r\nHost: {Edge.Host}\r\n{body}");

        Assert.Equal(413, refused.Status);
        Assert.Contains("longer than the session may send: 10 bytes", refused.Body, StringComparison.Ordinal);
        Assert.DoesNotContain(_origin!.Requests, r => r.Body.Length > 0);
        var record = Assert.Single(await _edge!.StopAsync(), r => r.GetProperty("type").GetString() == "request");
        Assert.Equal(("limited", 413), (record.GetProperty("outcome").GetString(), record.GetProperty("status").GetInt32()));
    }

    [Fact]
    public async Task A_body_of_http2_that_is_too_long_is_answered_413_and_one_that_fits_is_not()
    {
        await StartAsync(new SessionLimits { MaxBody = 10 });
        await using var workload = await Workload.OpenAsync(_edge!, http2: true);
        var client = workload.Client();

        using var good = await client.PostAsync(new Uri($"https://{Edge.Host}/"), new ByteArrayContent(new byte[10]), Limits.Token);
        using var bad = await client.PostAsync(new Uri($"https://{Edge.Host}/"), new ByteArrayContent(new byte[11]), Limits.Token);

        Assert.Equal([HttpStatusCode.OK, HttpStatusCode.RequestEntityTooLarge], [good.StatusCode, bad.StatusCode]);
    }

    [Fact]
    public async Task A_session_that_used_up_its_bytes_loses_its_tunnel_and_gets_no_other()
    {
        await StartAsync(new SessionLimits { Bytes = 100_000 }, large: true);
        await using var workload = await Workload.OpenAsync(_edge!);

        await Assert.ThrowsAnyAsync<IOException>(async () => await workload.GetAsync("/large"));
        await using var next = await Workload.ConnectAsync(_edge!);

        Assert.Equal(429, next.Answer.Status);
        Assert.Contains("used up its 100000 bytes", next.Answer.Body, StringComparison.Ordinal);
        var records = await _edge!.StopAsync();
        Assert.All(records, r => Assert.Equal("limited", r.GetProperty("outcome").GetString()));
        Assert.All(records.Where(r => r.GetProperty("type").GetString() == "tunnel"), r => Assert.Contains("used up", r.GetProperty("detail").GetString(), StringComparison.Ordinal));
    }

    private async Task StartAsync(SessionLimits limits, bool large = false)
    {
        _origin = await Origin.StartAsync(_ca, large ? context => context.Response.Body.WriteAsync(new byte[4 << 20]).AsTask() : null);
        _edge = await Edge.StartAsync(_origin, _ca, Edge.SessionOf("s1", Edge.Token) with { Limits = limits });
    }

    private static async Task UntilAsync(Func<Task<bool>> holds)
    {
        while (!await holds()) await Task.Delay(Limits.Poll, Limits.Token);
    }
}
