using System.Net.Http.Headers;
using System.Text;
using Fairlead.Gateway.Credentials;
using Fairlead.Gateway.Policy;
using Fairlead.Gateway.Sessions;

namespace Fairlead.Tests.Gateway;

/// <summary>Rules that look into a body, with a real body on a real connection: it is judged, and forwarded untouched.</summary>
public sealed class BodyConditionTests : IAsyncLifetime
{
    private readonly OriginCa _ca = new();
    private Origin _origin = null!;

    public async ValueTask InitializeAsync() => _origin = await Origin.StartAsync(_ca);

    public async ValueTask DisposeAsync()
    {
        await _origin.DisposeAsync();
        _ca.Dispose();
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public async Task A_body_is_judged_and_forwarded_untouched(bool http2, bool isChunked)
    {
        await using var edge = await StartAsync();
        var workload = await Workload.OpenAsync(edge, http2: http2);
        var client = workload.Client();
        var padding = new string(' ', 150_000);

        var query = await PostAsync(client, $$"""{"query":"{ me }"{{padding}}}""", isChunked);
        var mutation = await PostAsync(client, $$"""{"query":"mutation { me }"{{padding}}}""", isChunked);
        var tooLong = await PostAsync(client, $$"""{"query":"{ me }"{{padding}}{{padding}}}""", isChunked);
        await workload.CloseAsync();
        var audit = await edge.StopAsync();

        Assert.Equal((200, 403, 403), (query, mutation, tooLong));
        Assert.Equal($$"""{"query":"{ me }"{{padding}}}""", Assert.Single(_origin.Requests).Body);
        Assert.Equal("allow POST api.test/graphql when graphql: query", audit[0].GetProperty("rule").GetString());
        Assert.Equal("default: deny", audit[1].GetProperty("rule").GetString());
    }

    [Fact]
    public async Task A_body_that_is_not_needed_for_the_decision_is_not_waited_for()
    {
        await using var edge = await StartAsync();
        var workload = await Workload.OpenAsync(edge);

        // A rule with a condition is about /graphql alone; here the policy says no while the body is still on its way.
        var reply = await workload.SendAsync("POST /other HTTP/1.1\r\nHost: api.test\r\nContent-Length: 100\r\n\r\n");

        Assert.Equal(403, reply.Status);
        await workload.CloseAsync();
    }

    [Theory]
    [InlineData("Content-Encoding: gzip\r\n", "{\"query\":\"{ me }\"}")]
    [InlineData("", "{\"query\":\"{ me }\",\"query\":\"{ me }\"}")]
    [InlineData("", "")]
    public async Task What_cannot_be_read_for_sure_is_refused(string header, string body)
    {
        await using var edge = await StartAsync();
        var workload = await Workload.OpenAsync(edge);

        var reply = await workload.SendAsync($"POST /graphql HTTP/1.1\r\nHost: api.test\r\nContent-Type: application/json\r\n{header}Content-Length: {body.Length}\r\n\r\n{body}");
        await workload.CloseAsync();

        Assert.Equal(403, reply.Status);
        Assert.Empty(_origin.Requests);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_WebSocket_passes_no_rule_about_bodies(bool http2)
    {
        var rules = new[] { Edge.RuleOf("allow * api.test/**"), Edge.RuleOf("deny * api.test/graphql").When([new Condition.GraphQl(["mutation"])]) };
        await using var edge = await Edge.StartAsync(_origin, _ca, new Session("s1", SessionRegistry.HashOf(Edge.Token), new RuleSet("p", PolicyMode.Enforce, Verdict.Deny, rules), CredentialSet.Empty));
        var workload = await Workload.OpenAsync(edge, http2: http2);
        var client = workload.Client();
        using var socket = new System.Net.WebSockets.ClientWebSocket();
        socket.Options.HttpVersion = client.DefaultRequestVersion;
        socket.Options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;

        var e = await Assert.ThrowsAsync<System.Net.WebSockets.WebSocketException>(() => socket.ConnectAsync(new Uri($"wss://{Edge.Host}/graphql"), client, Limits.Token));

        Assert.Contains("403", e.Message, StringComparison.Ordinal);
        await workload.CloseAsync();
    }

    [Fact]
    public async Task A_member_that_no_reader_can_name_is_refused_and_is_no_error_of_ours()
    {
        await using var edge = await StartAsync();
        var workload = await Workload.OpenAsync(edge);
        const string body = """{"\ud800":1,"query":"{ me }"}""";

        Assert.Equal(403, (await workload.SendAsync($"POST /graphql HTTP/1.1\r\nHost: api.test\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\n\r\n{body}")).Status);
        await workload.CloseAsync();
    }

    [Fact]
    public async Task A_workload_that_leaves_within_its_body_leaves_one_record()
    {
        await using var edge = await StartAsync();
        var workload = await Workload.OpenAsync(edge);

        // The gateway asks for the body when it reads it: it has the request by then.
        await workload.Tls.WriteAsync(Encoding.ASCII.GetBytes("POST /graphql HTTP/1.1\r\nHost: api.test\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n"), Limits.Token);
        Assert.StartsWith("HTTP/1.1 100", await Reply.ReadHeadAsync(workload.Tls), StringComparison.Ordinal);
        await workload.Tls.WriteAsync(Encoding.ASCII.GetBytes("{\"query\""), Limits.Token);
        await workload.CloseAsync();
        var audit = await edge.StopAsync();

        // Which of the two depends on what Kestrel learns first: the end of TLS, or of the tunnel.
        Assert.Contains(Assert.Single(audit, r => r.GetProperty("type").GetString() == "request").GetProperty("outcome").GetString(), (string[])["bad_request", "client_aborted"]);
        Assert.Empty(_origin.Requests);
    }

    private Task<Edge> StartAsync()
    {
        var rule = Edge.RuleOf("allow POST api.test/graphql").When([new Condition.GraphQl(["query"])]);
        return Edge.StartAsync(_origin, _ca, new Session("s1", SessionRegistry.HashOf(Edge.Token), new RuleSet("p", PolicyMode.Enforce, Verdict.Deny, [rule]), CredentialSet.Empty));
    }

    private static async Task<int> PostAsync(HttpClient client, string body, bool isChunked)
    {
        var content = new ByteArrayContent(Encoding.UTF8.GetBytes(body)) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
        using var request = new HttpRequestMessage(HttpMethod.Post, $"https://{Edge.Host}/graphql") { Content = content };
        if (isChunked) content.Headers.ContentLength = null;
        request.Headers.TransferEncodingChunked = isChunked;
        request.Version = client.DefaultRequestVersion;
        request.VersionPolicy = client.DefaultVersionPolicy;
        using var response = await client.SendAsync(request, Limits.Token);
        await response.Content.ReadAsByteArrayAsync(Limits.Token);
        return (int)response.StatusCode;
    }
}
