using System.Text.Json;
using Fairlead.Wire;

namespace Fairlead.Tests.Gateway;

/// <summary>What the relay is told of what happens inside the TLS.</summary>
public sealed class NoticeTests : IAsyncLifetime
{
    private readonly OriginCa _ca = new();
    private Origin _origin = null!;

    public async ValueTask InitializeAsync() => _origin = await Origin.StartAsync(_ca);

    public async ValueTask DisposeAsync()
    {
        await _origin.DisposeAsync();
        _ca.Dispose();
    }

    [Fact]
    public async Task A_denial_is_told_with_its_rule_and_without_the_query()
    {
        await using var edge = await Edge.StartAsync(_origin, _ca, Edge.SessionOf("s1", Edge.Token, ["deny * **/secret", "allow * **"]));
        var workload = await Workload.OpenAsync(edge);

        var reply = await workload.GetAsync("/secret?token=FAKE-query-value", "X-Key: FAKE-header-value\r\n");
        await workload.CloseAsync();

        var notice = Assert.Single(workload.Notices);
        Assert.Equal((NoticeKind.Policy, "api.test:443", "GET", "/secret", "deny * **/secret"), (notice.Kind, notice.Host, notice.Method, notice.Path, notice.Rule));
        Assert.Equal(reply["Fairlead-Request"], notice.RequestId);
        Assert.StartsWith("If the session 's1' needs it", notice.WhatToDo, StringComparison.Ordinal);
        Assert.DoesNotContain("FAKE", notice.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_failing_upstream_is_never_told_as_policy()
    {
        await using var edge = await Edge.StartAsync(_origin, _ca);
        var workload = await Workload.OpenAsync(edge, "nowhere.test");

        var reply = await workload.GetAsync("/", host: "nowhere.test");
        await workload.CloseAsync();

        Assert.Equal(502, reply.Status);
        Assert.Contains(Assert.Single(workload.Notices).Kind, new[] { NoticeKind.Dns, NoticeKind.Timeout });
    }

    [Fact]
    public async Task What_passes_is_not_told()
    {
        await using var edge = await Edge.StartAsync(_origin, _ca);
        var workload = await Workload.OpenAsync(edge);

        await workload.GetAsync();
        await workload.CloseAsync();

        Assert.Empty(workload.Notices);
    }

    [Fact]
    public async Task A_tunnel_without_tls_is_told_as_missing_trust()
    {
        await using var edge = await Edge.StartAsync(_origin, _ca);
        var workload = await Workload.ConnectAsync(edge);

        await workload.CloseAsync();

        Assert.Equal((NoticeKind.Trust, "api.test:443"), (Assert.Single(workload.Notices).Kind, workload.Notices.Single().Host));
    }

    [Theory]
    [InlineData("Fairlead-Tunnel: 1\r\nFairlead-Notice: 1\r\n", "1", "1")]
    [InlineData("Fairlead-Tunnel: 1\r\n", "1", null)]
    [InlineData("", null, null)]
    [InlineData("Fairlead-Notice: 2\r\n", null, null)]
    public async Task Each_side_gets_what_it_announced(string headers, string? tunnel, string? notice)
    {
        await using var edge = await Edge.StartAsync(_origin, _ca);
        var upgrade = Workload.UpgradeHeaders().Replace("Fairlead-Tunnel: 1\r\nFairlead-Notice: 1\r\n", headers, StringComparison.Ordinal);

        var (reply, stream) = await Workload.AskAsync(edge, upgrade);

        await using (stream) Assert.Equal((101, tunnel, notice), (reply.Status, reply["Fairlead-Tunnel"], reply["Fairlead-Notice"]));
        Assert.NotNull(reply["Fairlead-Gateway"]);
    }

    [Theory]
    [InlineData("169.254.169.254:443", "s1", "address")]
    [InlineData("api.test:443", "other", "auth")]
    [InlineData("api.test:443:1", "s1", "request")]
    public async Task A_refused_CONNECT_says_of_which_kind_it_is(string target, string session, string kind)
    {
        await using var edge = await Edge.StartAsync(_origin, _ca);

        var workload = await Workload.ConnectAsync(edge, target, session);
        await workload.CloseAsync();

        Assert.Equal(kind, workload.Answer["Fairlead-Reason"]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_self_test_is_answered_for_every_session_whatever_its_policy(bool http2)
    {
        await using var edge = await Edge.StartAsync(_origin, _ca, Edge.SessionOf("s1", Edge.Token, ["deny * **"]));
        var workload = await Workload.OpenAsync(edge, Protocol.SelfTestHost, http2: http2);
        var client = workload.Client();

        using var answer = await client.GetAsync(new Uri($"https://{Protocol.SelfTestHost}/any/path?x=1"), Limits.Token);
        using var head = await client.SendAsync(new HttpRequestMessage(HttpMethod.Head, $"https://{Protocol.SelfTestHost}/") { Version = new Version(http2 ? 2 : 1, http2 ? 0 : 1) }, Limits.Token);
        using var post = await client.PostAsync(new Uri($"https://{Protocol.SelfTestHost}/"), new StringContent("x"), Limits.Token);
        var json = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Limits.Token)).RootElement;
        await workload.CloseAsync();
        var audit = await edge.StopAsync();

        Assert.Equal(200, (int)answer.StatusCode);
        Assert.Equal(("s1", http2 ? "h2" : "http/1.1"), (json.GetProperty("session").GetString(), json.GetProperty("protocol").GetString()));
        Assert.InRange(TimeProvider.System.GetUtcNow() - json.GetProperty("time").GetDateTimeOffset(), TimeSpan.Zero, Limits.Test);
        Assert.Equal(json.GetProperty("request_id").GetString(), answer.Headers.GetValues("Fairlead-Request").Single());
        Assert.Equal((200, 405), ((int)head.StatusCode, (int)post.StatusCode));
        Assert.Equal(["self_test", "self_test", "bad_request", "completed"], audit.Select(record => record.GetProperty("outcome").GetString()));
        Assert.Equal(JsonValueKind.Null, audit[0].GetProperty("decision").ValueKind);
        Assert.Empty(_origin.Requests);
    }
}
