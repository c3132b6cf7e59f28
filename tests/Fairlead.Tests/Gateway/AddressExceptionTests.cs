using System.Net;
using Fairlead.Gateway.Policy;
using Fairlead.Gateway.Upstream;

namespace Fairlead.Tests.Gateway;

/// <summary>Private addresses that a policy lets its sessions reach, while the policy changes.</summary>
public sealed class AddressExceptionTests : IAsyncLifetime
{
    private readonly OriginCa _ca = new();
    private Origin _origin = null!;

    private int Port => _origin.EndPoint.Port;

    public async ValueTask InitializeAsync() => _origin = await Origin.StartAsync(_ca);

    public async ValueTask DisposeAsync()
    {
        await _origin.DisposeAsync();
        _ca.Dispose();
    }

    [Fact]
    public async Task A_policy_opens_an_address_to_its_own_sessions_only()
    {
        await using var edge = await Edge.StartAsync(originCa: _ca, sessions: [Session("127.0.0.0/8"), Edge.SessionOf("s2", "FAKE-other", [$"allow * 127.0.0.1:{Port}"])]);
        var mine = await Workload.OpenAsync(edge, "127.0.0.1", Port);
        var theirs = await Workload.ConnectAsync(edge, $"127.0.0.1:{Port}", "s2", "FAKE-other");

        var reply = await mine.GetAsync(host: $"127.0.0.1:{Port}");
        await mine.CloseAsync();
        await theirs.CloseAsync();

        Assert.Equal((200, 403), (reply.Status, theirs.Answer.Status));
    }

    [Fact]
    public async Task A_changed_policy_is_in_force_on_open_tunnels_and_on_pooled_connections()
    {
        await using var edge = await Edge.StartAsync(originCa: _ca, sessions: [Session("127.0.0.0/8")]);
        var workload = await Workload.OpenAsync(edge, "127.0.0.1", Port);
        Assert.Equal(200, (await workload.GetAsync(host: $"127.0.0.1:{Port}")).Status);

        edge.Apply(Session());
        var closed = await workload.GetAsync(host: $"127.0.0.1:{Port}");
        var refused = await Workload.ConnectAsync(edge, $"127.0.0.1:{Port}");
        edge.Apply(Session("127.0.0.1"));
        var opened = await workload.GetAsync(host: $"127.0.0.1:{Port}");
        await workload.CloseAsync();
        var audit = await edge.StopAsync();

        Assert.Equal((200, 403, 403), (opened.Status, closed.Status, refused.Answer.Status));
        Assert.Contains("is loopback and may never be dialled", closed.Body, StringComparison.Ordinal);
        Assert.Contains("allow_addresses", closed.Body, StringComparison.Ordinal);
        Assert.Equal(2, _origin.Requests.Count);
        Assert.Equal(2, _origin.Requests.Select(r => r.Connection).Distinct().Count());
        Assert.Contains(audit, r => r.GetProperty("outcome").GetString() == "address_forbidden" && r.GetProperty("type").GetString() == "request");
    }

    [Fact]
    public async Task An_answer_that_is_under_way_is_not_cut_by_a_change()
    {
        var goOn = new TaskCompletionSource();
        await using var slow = await Origin.StartAsync(_ca, async context =>
        {
            await context.Response.Body.WriteAsync("first "u8.ToArray(), Limits.Token);
            await context.Response.Body.FlushAsync(Limits.Token);
            await goOn.Task;
            await context.Response.Body.WriteAsync("last"u8.ToArray(), Limits.Token);
        });
        var port = slow.EndPoint.Port;
        await using var edge = await Edge.StartAsync(originCa: _ca, sessions: [Edge.SessionOf("s1", Edge.Token, [$"allow * 127.0.0.1:{port}"], addresses: ["127.0.0.0/8"])]);
        var workload = await Workload.OpenAsync(edge, "127.0.0.1", port);
        var client = workload.Client();
        using var answer = await client.GetAsync(new Uri($"https://127.0.0.1:{port}/"), HttpCompletionOption.ResponseHeadersRead, Limits.Token);

        edge.Apply(Edge.SessionOf("s1", Edge.Token, [$"allow * 127.0.0.1:{port}"], addresses: ["127.0.0.1"]));
        // A second request replaces the session's connections, and the first goes on beside that.
        var other = await Workload.OpenAsync(edge, "127.0.0.1", port);
        var asking = other.GetAsync(host: $"127.0.0.1:{port}");
        while (slow.Requests.Count < 2) await Task.Delay(Limits.Poll, Limits.Token);
        goOn.SetResult();
        Assert.Equal(200, (await asking).Status);
        var body = await answer.Content.ReadAsStringAsync(Limits.Token);
        await workload.CloseAsync();
        await other.CloseAsync();

        Assert.Equal("first last", body);
    }

    private Fairlead.Gateway.Sessions.Session Session(params string[] addresses) => Edge.SessionOf("s1", Edge.Token, [$"allow * 127.0.0.1:{Port}"], addresses: addresses);
}
