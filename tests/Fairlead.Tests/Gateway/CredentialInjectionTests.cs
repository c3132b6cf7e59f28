using System.Net;
using System.Text;
using System.Text.Json;
using Fairlead.Gateway.Credentials;
using Fairlead.Tests.Gateway.Credentials;
using Microsoft.AspNetCore.Http;

namespace Fairlead.Tests.Gateway;

/// <summary>What an origin receives, and what it does not, when a session has credentials.</summary>
public sealed class CredentialInjectionTests : IAsyncLifetime
{
    private const string P = Given.PlaceholderText;
    private const SwapSurfaces Everywhere = SwapSurfaces.Header | SwapSurfaces.Basic | SwapSurfaces.Query | SwapSurfaces.Body;
    private static readonly Secret Key = Given.Secret("key", "FAKE-injected");

    private readonly OriginCa _ca = new();
    private Origin _origin = null!;

    public async ValueTask InitializeAsync() => _origin = await Origin.StartAsync(_ca);

    public async ValueTask DisposeAsync()
    {
        await _origin.DisposeAsync();
        _ca.Dispose();
    }

    [Fact]
    public async Task Basic_is_sent_and_the_workloads_own_is_gone()
    {
        var (reply, _) = await AskAsync(Given.Basic("x-access-token", Key), "GET / HTTP/1.1\r\nHost: api.test\r\nAuthorization: Basic bWFkZTp1cA==\r\n\r\n");

        Assert.Equal(200, reply.Status);
        Assert.Equal("Basic " + Convert.ToBase64String("x-access-token:FAKE-injected"u8), Assert.Single(_origin.Requests).Headers["Authorization"]);
    }

    [Fact]
    public async Task A_parameter_is_sent_and_the_audit_has_neither_value()
    {
        var (reply, audit) = await AskAsync(Given.Query("api_key", Key), "GET /a%2Fb?x=%41&api_key=FAKE-own&api%5fkey=FAKE-own HTTP/1.1\r\nHost: api.test\r\n\r\n");

        Assert.Equal(200, reply.Status);
        Assert.Equal("/a%2Fb?x=%41&api_key=FAKE-injected", Assert.Single(_origin.Requests).Target);
        Assert.Equal("query", audit.GetProperty("credentials")[0].GetString());
        Assert.DoesNotContain("FAKE", audit.GetRawText(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(nameof(ExistingHeader.Replace), "Authorization: Bearer FAKE-own", "Bearer FAKE-injected", 1)]
    [InlineData(nameof(ExistingHeader.Keep), "Authorization: Bearer FAKE-own", "Bearer FAKE-own", 0)]
    [InlineData(nameof(ExistingHeader.Keep), "X-Other: 1", "Bearer FAKE-injected", 1)]
    [InlineData(nameof(ExistingHeader.RefuseUnlessPlaceholder), "X-Other: 1", "Bearer FAKE-injected", 1)]
    [InlineData(nameof(ExistingHeader.RefuseUnlessPlaceholder), "Authorization: token " + P, "token FAKE-injected", 1)]
    public async Task A_header_that_the_workload_sent_itself_is_treated_as_configured(string existing, string sent, string received, int used)
    {
        var credential = Given.Bearer(Key) with { Existing = Enum.Parse<ExistingHeader>(existing), Placeholder = Given.Placeholder(Key) };

        var (_, audit) = await AskAsync(credential, $"GET / HTTP/1.1\r\nHost: api.test\r\n{sent}\r\n\r\n");

        Assert.Equal(received, Assert.Single(_origin.Requests).Headers["Authorization"]);
        Assert.Equal(used, audit.GetProperty("credentials").GetArrayLength());
    }

    [Theory]
    [InlineData("Authorization: Bearer FAKE-own")]
    [InlineData("Authorization: Bearer FAKE-own\r\nConnection: Authorization")]
    [InlineData("Authorization: Bearer " + P + "\r\nAuthorization: Bearer FAKE-own")]
    [InlineData("Authorization: Bearer " + P + "\r\nauthorization: Basic bWFkZTp1cA==")]
    public async Task A_header_of_its_own_is_refused_where_only_the_placeholder_may_stand(string sent)
    {
        var credential = Given.Bearer(Key) with { Existing = ExistingHeader.RefuseUnlessPlaceholder, Placeholder = Given.Placeholder(Key) };

        var (reply, audit) = await AskAsync(credential, $"GET / HTTP/1.1\r\nHost: api.test\r\n{sent}\r\n\r\n");

        Assert.Equal((403, "credential_conflict"), (reply.Status, audit.GetProperty("outcome").GetString()));
        Assert.Empty(_origin.Requests);
        Assert.DoesNotContain("FAKE", reply.Body + audit.GetRawText(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(nameof(ExistingHeader.RefuseUnlessPlaceholder), 403)]
    [InlineData(nameof(ExistingHeader.Keep), 200)]
    public async Task Another_spelling_of_the_header_counts_as_the_header(string existing, int status)
    {
        Assert.Null(InjectedHeader.TryCreate("X-Api-Key", "{key}", new Dictionary<string, ISecret> { ["key"] = Key }, out var header));
        var credential = new Credential("c", [header!], [Edge.HostOf(Edge.Host)]) { Existing = Enum.Parse<ExistingHeader>(existing), Placeholder = Given.Placeholder(Key) };

        var (reply, _) = await AskAsync(credential, $"GET / HTTP/1.1\r\nHost: api.test\r\nX-Api-Key: {P}\r\nX_Api_Key: FAKE-own\r\n\r\n");

        Assert.Equal(status, reply.Status);
        if (status == 200) Assert.Equal("FAKE-injected", Assert.Single(_origin.Requests).Headers["X-Api-Key"]);
    }

    [Fact]
    public async Task What_is_ours_is_not_looked_into_for_placeholders()
    {
        var odd = Given.Secret("odd", P + "-and-more");

        var (_, _) = await AskAsync(Given.Query("k", odd) with { Placeholder = Given.Placeholder(Key) }, $"GET /?a={P} HTTP/1.1\r\nHost: api.test\r\n\r\n");

        Assert.Equal($"/?a=FAKE-injected&k={P}-and-more", Assert.Single(_origin.Requests).Target);
    }

    [Fact]
    public async Task A_placeholder_is_swapped_wherever_the_workload_sends_it()
    {
        var basic = Convert.ToBase64String(Encoding.ASCII.GetBytes($"user:{P}"));

        var (_, audit) = await AskAsync(
            Given.Swapped(Key, Everywhere),
            $"POST /x?k={P}&a=%41 HTTP/1.1\r\nHost: api.test\r\nX-Api-Key: {P}\r\nAuthorization: Basic {basic}\r\nContent-Type: application/json\r\nContent-Length: {P.Length + 8}\r\n\r\n{{\"k\":\"{P}\"}}");

        var seen = Assert.Single(_origin.Requests);
        Assert.Equal("/x?k=FAKE-injected&a=%41", seen.Target);
        Assert.Equal(("FAKE-injected", "Basic " + Convert.ToBase64String("user:FAKE-injected"u8)), (seen.Headers["X-Api-Key"], seen.Headers["Authorization"]));
        Assert.Equal(("{\"k\":\"FAKE-injected\"}", "21"), (seen.Body, seen.Headers["Content-Length"]));
        Assert.Equal("swapped", audit.GetProperty("credentials")[0].GetString());
        Assert.DoesNotContain("FAKE-injected", audit.GetRawText(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_chunked_body_is_swapped_and_the_connection_serves_the_next_request()
    {
        await using var edge = await Edge.StartAsync(_origin, _ca, Edge.SessionOf("s1", Edge.Token, credentials: [Given.Swapped(Key, Everywhere)]));
        var workload = await Workload.OpenAsync(edge);

        await workload.SendAsync($"POST /1 HTTP/1.1\r\nHost: api.test\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n{P.Length / 2:x}\r\n{P[..(P.Length / 2)]}\r\n{P.Length - (P.Length / 2):x}\r\n{P[(P.Length / 2)..]}\r\n0\r\n\r\n");
        await workload.SendAsync("POST /2 HTTP/1.1\r\nHost: api.test\r\nContent-Type: application/octet-stream\r\nContent-Length: 24\r\n\r\n" + P);
        await workload.CloseAsync();

        Assert.Equal(["FAKE-injected", P], _origin.Requests.Select(r => r.Body));
    }

    [Theory]
    [InlineData("Content-Length: 1048577\r\n\r\n", "", 200)]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n100001\r\n", "\r\n0\r\n\r\n", 413)]
    public async Task A_body_beyond_the_bound_passes_untouched_when_that_was_announced_and_is_refused_when_not(string framing, string end, int status)
    {
        var (reply, _) = await AskAsync(Given.Swapped(Key, Everywhere), $"POST / HTTP/1.1\r\nHost: api.test\r\nContent-Type: text/plain\r\n{framing}{P}{new string('x', (1024 * 1024) + 1 - P.Length)}{end}");

        Assert.Equal(status, reply.Status);
        if (status == 200) Assert.StartsWith(P, Assert.Single(_origin.Requests).Body, StringComparison.Ordinal);
        else Assert.Contains("its length was not announced", reply.Body, StringComparison.Ordinal);
        if (status != 200) Assert.Empty(_origin.Requests);
    }

    [Theory]
    [InlineData("GET / HTTP/1.1", "X-Key: " + P)]
    [InlineData("GET /?a=" + P + " HTTP/1.1", "X: 1")]
    [InlineData("GET /?a=sk%2dFAKE-placeholder-0001 HTTP/1.1", "X: 1")]
    [InlineData("GET /" + P + " HTTP/1.1", "X: 1")]
    [InlineData("GET / HTTP/1.1", "Authorization: Basic BASIC")]
    public async Task A_placeholder_for_another_host_is_refused_and_told(string line, string header)
    {
        header = header.Replace("BASIC", Convert.ToBase64String(Encoding.ASCII.GetBytes($"u:{P}")), StringComparison.Ordinal);

        var (reply, audit) = await AskAsync(Given.Swapped(Key, host: "bound.test"), $"{line}\r\nHost: api.test\r\n{header}\r\n\r\n");

        Assert.Equal((403, "placeholder_misused"), (reply.Status, audit.GetProperty("outcome").GetString()));
        Assert.Contains("the placeholder of the credential 'swapped' is in a request for api.test:443", reply.Body, StringComparison.Ordinal);
        Assert.Empty(_origin.Requests);
        Assert.Equal(0, _origin.Connections);
    }

    [Fact]
    public async Task Without_its_secret_nothing_is_sent_and_the_answer_says_why()
    {
        var secret = new FetchedSecret("token", _ => throw new CredentialException("the store is away"), TimeProvider.System);

        var (reply, audit) = await AskAsync(Given.Bearer(secret), "GET / HTTP/1.1\r\nHost: api.test\r\n\r\n");

        Assert.Equal((502, "credential_unavailable"), (reply.Status, audit.GetProperty("outcome").GetString()));
        Assert.Contains("the credential 'bearer' cannot be had: the store is away.", reply.Body, StringComparison.Ordinal);
        Assert.Equal("the credential 'bearer' cannot be had: the store is away.", audit.GetProperty("detail").GetString());
        Assert.Equal(0, _origin.Connections);
    }

    [Fact]
    public async Task A_token_of_a_real_token_endpoint_is_sent_and_fetched_once()
    {
        await using var endpoint = await Origin.StartAsync(_ca, context => context.Response.WriteAsync("{\"access_token\":\"FAKE-token\",\"token_type\":\"Bearer\",\"expires_in\":3600}"));
        var grant = new ClientCredentialsGrant(new(new Uri($"https://localhost:{endpoint.EndPoint.Port}/token"), "the:client", Given.Secret("s", "FAKE+client"), false, ["read", "write"], "api"), new SecretService([_ca.Root]), TimeProvider.System);
        var token = new FetchedSecret("token", grant.FetchAsync, TimeProvider.System);
        await using var edge = await Edge.StartAsync(_origin, _ca, Edge.SessionOf("s1", Edge.Token, credentials: [Given.Bearer(token)]));
        var workload = await Workload.OpenAsync(edge);

        await workload.GetAsync();
        await workload.GetAsync();
        await workload.CloseAsync();

        Assert.All(_origin.Requests, r => Assert.Equal("Bearer FAKE-token", r.Headers["Authorization"]));
        var asked = Assert.Single(endpoint.Requests);
        Assert.Equal(("POST", "/token", "grant_type=client_credentials&scope=read+write&audience=api"), (asked.Method, asked.Target, asked.Body));
        Assert.Equal("Basic " + Convert.ToBase64String("the%3Aclient:FAKE%2Bclient"u8), asked.Headers["Authorization"]);
    }

    private async Task<(Reply Reply, JsonElement Audit)> AskAsync(Credential credential, string request)
    {
        await using var edge = await Edge.StartAsync(_origin, _ca, Edge.SessionOf("s1", Edge.Token, credentials: [credential]));
        var workload = await Workload.OpenAsync(edge);
        var reply = await workload.SendAsync(request);
        await workload.CloseAsync();
        return (reply, (await edge.StopAsync())[0]);
    }
}
