using System.Diagnostics;
using System.Net;
using System.Text;
using System.Text.Json;
using Fairlead.Gateway.Policy;
using Fairlead.Wire;
using Microsoft.AspNetCore.Http;

namespace Fairlead.Tests.Gateway;

public sealed class RequestHandlerTests : IAsyncLifetime
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
    [InlineData("other.test", 421)]
    [InlineData("www.api.test", 421)]
    [InlineData("api.test:8443", 421)]
    [InlineData("127.0.0.1", 421)]
    [InlineData("", 421)]
    [InlineData("xn--zzzzzzzz99999.test", 421)]
    [InlineData("xn--pi.test", 421)]
    [InlineData("api.test", 200)]
    [InlineData("API.test.", 200)]
    [InlineData("api.test:443", 200)]
    public async Task Host_must_be_the_destination(string host, int status)
    {
        await using var edge = await StartAsync();
        var workload = await Workload.OpenAsync(edge);

        var reply = await workload.GetAsync(host: host);
        await workload.CloseAsync();
        var audit = await edge.StopAsync();

        Assert.Equal(status, reply.Status);
        Assert.Equal(status == 200 ? "completed" : "misdirected", audit[0].GetProperty("outcome").GetString());
        Assert.Equal(status == 200 ? 1 : 0, _origin.Requests.Count);
        if (status == 200) Assert.Equal("api.test", _origin.Requests.Single().Headers["Host"]);
    }

    [Fact]
    public async Task Over_http2_each_stream_must_be_for_the_destination()
    {
        await using var edge = await StartAsync();
        var workload = await Workload.OpenAsync(edge, http2: true);

        await workload.Tls.WriteAsync((byte[])[.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8, 0, 0, 0, 4, 0, 0, 0, 0, 0], Limits.Token);
        await AskAsync(workload.Tls, 1, "api.test");
        await AskAsync(workload.Tls, 3, "other.test");
        await AskAsync(workload.Tls, 5, "api.test");
        await workload.CloseAsync();
        var audit = await edge.StopAsync();

        Assert.Equal(2, _origin.Requests.Count);
        Assert.All(_origin.Requests, r => Assert.Equal("HTTP/2", r.Protocol));
        Assert.Equal([200, 421, 200, 200], audit.Select(r => r.GetProperty("status").GetInt32()));
        Assert.Equal(["completed", "misdirected", "completed", "completed"], OutcomesOf(audit));
    }

    [Theory]
    [InlineData("/\u00e9")]
    [InlineData("/a?b=\u00e9\u00e9\u00e9\u00e9")]
    [InlineData("/a b HTTP/1.1")]
    [InlineData("/a?b c")]
    public async Task Over_http2_a_target_that_is_not_visible_ascii_goes_nowhere(string path)
    {
        await using var edge = await StartAsync();
        var workload = await Workload.OpenAsync(edge, http2: true);

        await workload.Tls.WriteAsync((byte[])[.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8, 0, 0, 0, 4, 0, 0, 0, 0, 0], Limits.Token);
        await AskAsync(workload.Tls, 1, "api.test", path);
        await AskAsync(workload.Tls, 3, "api.test");
        await workload.CloseAsync();
        var audit = await edge.StopAsync();

        Assert.Equal("/", _origin.Requests.Single().Target);
        Assert.Equal(["bad_request", "completed", "completed"], OutcomesOf(audit));
    }

    [Fact]
    public async Task A_body_whose_chunks_are_broken_is_the_workloads_fault()
    {
        await using var edge = await StartAsync();
        var workload = await Workload.OpenAsync(edge);

        var reply = await workload.SendAsync("POST / HTTP/1.1\r\nHost: api.test\r\nTransfer-Encoding: chunked\r\n\r\nZZZZ\r\n");
        await workload.CloseAsync();
        var audit = await edge.StopAsync();

        Assert.Equal(400, reply.Status);
        Assert.Equal("bad_request", audit.First(r => r.GetProperty("type").GetString() == "request").GetProperty("outcome").GetString());
    }

    [Fact]
    public async Task A_header_that_some_servers_take_for_the_injected_one_is_dropped()
    {
        await using var edge = await Edge.StartAsync(
            _origin, _ca, Edge.SessionOf("s1", Edge.Token, credentials: [Edge.CredentialOf("c", "X-Api-Key", "FAKE-injected")]));
        var workload = await Workload.OpenAsync(edge);

        await workload.SendAsync("GET / HTTP/1.1\r\nHost: api.test\r\nX_Api_Key: mine\r\nx-api_key: mine\r\n\r\n");
        await workload.CloseAsync();
        await edge.StopAsync();

        Assert.Equal(["X-Api-Key"], _origin.Requests.Single().Headers.Keys.Where(name => name.Contains("api", StringComparison.OrdinalIgnoreCase) && name != "Host"));
    }

    // A client library opens a connection of its own for another authority, so this is HTTP/2 by hand: literal headers, and frames read to the stream's end.
    private static async Task AskAsync(Stream connection, byte stream, string authority, string path = "/")
    {
        // RFC 7541: 0x82 :method GET, 0x87 :scheme https, 0x44 :path and 0x41 :authority as literals.
        byte[] headers = [0x82, 0x87, 0x44, (byte)path.Length, .. Encoding.Latin1.GetBytes(path), 0x41, (byte)authority.Length, .. Encoding.ASCII.GetBytes(authority)];
        await connection.WriteAsync((byte[])[0, 0, (byte)headers.Length, 1, 5, 0, 0, 0, stream, .. headers], Limits.Token);
        var head = new byte[9];
        do
        {
            await connection.ReadExactlyAsync(head, Limits.Token);
            await connection.ReadExactlyAsync(new byte[(head[0] << 16) | (head[1] << 8) | head[2]], Limits.Token);
        }
        while (head[8] != stream || head[3] > 1 || (head[4] & 1) == 0); // until END_STREAM on DATA or HEADERS
    }

    [Theory]
    [InlineData("CONNECT api.test:443 HTTP/1.1\r\nHost: api.test:443\r\n\r\n", 405)]
    [InlineData("CONNECT other.test:443 HTTP/1.1\r\nHost: other.test:443\r\n\r\n", 421)]
    [InlineData("TRACE / HTTP/1.1\r\nHost: api.test\r\n\r\n", 405)]
    [InlineData("OPTIONS * HTTP/1.1\r\nHost: api.test\r\n\r\n", 400)]
    [InlineData("GET /a#b HTTP/1.1\r\nHost: api.test\r\n\r\n", 400)]
    [InlineData("GET https://other.test/ HTTP/1.1\r\nHost: other.test\r\n\r\n", 421)]
    [InlineData("delete / HTTP/1.1\r\nHost: api.test\r\n\r\n", 400)] // a client library would send it as DELETE
    [InlineData("Delete / HTTP/1.1\r\nHost: api.test\r\n\r\n", 400)]
    [InlineData("trace / HTTP/1.1\r\nHost: api.test\r\n\r\n", 400)]
    [InlineData("connect /x HTTP/1.1\r\nHost: api.test\r\n\r\n", 400)]
    [InlineData("POST / HTTP/1.1\r\nHost: api.test\r\nX-HTTP-Method-Override: DELETE\r\nContent-Length: 0\r\n\r\n", 400)]
    [InlineData("GET / HTTP/1.1\r\nHost: api.test\r\nx-original-url: /admin\r\n\r\n", 400)]
    [InlineData("POST /?a=b&_method=DELETE HTTP/1.1\r\nHost: api.test\r\nContent-Length: 0\r\n\r\n", 400)]
    [InlineData("POST /?%5fMethod=DELETE HTTP/1.1\r\nHost: api.test\r\nContent-Length: 0\r\n\r\n", 400)]
    [InlineData("POST / HTTP/1.1\r\nHost: api.test\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400)]
    [InlineData("POST / HTTP/1.1\r\nHost: api.test\r\nTransfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400)]
    [InlineData("POST / HTTP/1.1\r\nHost: api.test\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400)]
    [InlineData("POST / HTTP/1.0\r\nHost: api.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400)]
    [InlineData("GET / HTTP/1.1\r\nHost: api.test\r\nX_HTTP-Method_Override: DELETE\r\n\r\n", 400)]
    [InlineData("GET / HTTP/1.1\r\nHost: api.test\r\nX.HTTP.Method~Override: DELETE\r\n\r\n", 400)]
    [InlineData("POST /?.method=DELETE HTTP/1.1\r\nHost: api.test\r\nContent-Length: 0\r\n\r\n", 400)]
    [InlineData("GET / HTTP/1.1\r\nHost: api.test\r\n(X): a\r\n\r\n", 400)]
    [InlineData("GET / HTTP/1.1\r\nHost: api.test\r\nX: a\x01b\r\n\r\n", 400)]
    public async Task What_cannot_be_forwarded_is_refused_and_audited(string request, int status)
    {
        await using var edge = await StartAsync();
        var workload = await Workload.OpenAsync(edge);

        var reply = await workload.SendAsync(request, hasBody: !request.StartsWith("CONNECT", StringComparison.Ordinal));
        await workload.CloseAsync();
        var audit = await edge.StopAsync();

        Assert.Equal(status, reply.Status);
        Assert.Equal(["request", "tunnel"], audit.Select(r => r.GetProperty("type").GetString()));
        Assert.Equal(JsonValueKind.Null, audit[0].GetProperty("decision").ValueKind);
        Assert.Equal(0, _origin.Connections);
    }

    [Theory]
    [InlineData("GET https://other.test/ HTTP/1.1\r\nHost: api.test\r\n\r\n")]
    [InlineData("GET http://api.test:8443/ HTTP/1.1\r\nHost: api.test\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: api.test\r\nHost: other.test\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost : api.test\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: api.test\r\nX: a\r\n b\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: api.test\r\n X: folded\r\n\r\n")]
    [InlineData("GET /\u00e9 HTTP/1.1\r\nHost: api.test\r\n\r\n")]
    [InlineData("GET /\0 HTTP/1.1\r\nHost: api.test\r\n\r\n")]
    [InlineData("GET /%00 HTTP/1.1\r\nHost: api.test\r\n\r\n")]
    [InlineData("POST / HTTP/1.1\r\nHost: api.test\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd")]
    [InlineData("POST / HTTP/1.1\r\nHost: api.test\r\nContent-Length: -1\r\n\r\n")]
    [InlineData("POST / HTTP/1.1\r\nHost: api.test\r\nContent-Length: 0x4\r\n\r\nabcd")]
    [InlineData("POST / HTTP/1.1\r\nHost: api.test\r\nTransfer-Encoding: gzip\r\n\r\n")]
    [InlineData("POST / HTTP/1.1\r\nHost: api.test\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n")]
    [InlineData("POST / HTTP/1.1\r\nHost: api.test\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n")]
    [InlineData("POST / HTTP/1.1\r\nHost: api.test\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n")]
    [InlineData("GET  / HTTP/1.1\r\nHost: api.test\r\n\r\n")]
    [InlineData("GET / HTTP/1.1 \r\nHost: api.test\r\n\r\n")]
    [InlineData("GET / HTTP/3.0\r\nHost: api.test\r\n\r\n")]
    public async Task What_is_not_plainly_a_request_never_reaches_the_origin(string request)
    {
        await using var edge = await StartAsync();
        var workload = await Workload.OpenAsync(edge);

        var reply = await workload.SendAsync(request);
        await workload.CloseAsync();
        var audit = await edge.StopAsync();

        Assert.InRange(reply.Status, 400, 505);
        Assert.Empty(_origin.Requests);
        Assert.Contains(OutcomesOf(audit), outcome => outcome is "bad_request" or "misdirected");
    }

    [Theory]
    [InlineData("POST / HTTP/1.1\r\nHost: api.test\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: api.test\r\n\r\n")]
    [InlineData("POST / HTTP/1.1\r\nHost: api.test\r\nTransfer-Encoding: chunked\r\nContent-Length: 100\r\n\r\n0\r\n\r\n")]
    public async Task A_length_beside_chunks_is_not_passed_on(string request)
    {
        await using var edge = await StartAsync();
        var workload = await Workload.OpenAsync(edge);

        var reply = await workload.SendAsync(request);
        await workload.CloseAsync();
        await edge.StopAsync();

        Assert.True(reply.Status is 200 or 400);
        Assert.All(_origin.Requests.Where(r => r.Method == "POST"), r => Assert.Equal(("", false), (r.Body, r.Headers.ContainsKey("Content-Length") && r.Headers.ContainsKey("Transfer-Encoding"))));
    }

    [Fact]
    public async Task A_denied_request_is_explained_as_text_and_as_json()
    {
        await using var edge = await Edge.StartAsync(_origin, _ca, Edge.SessionOf("s1", Edge.Token, ["allow GET api.test/open/**", "deny * api.test/open/closed"]));
        var workload = await Workload.OpenAsync(edge);

        var text = await workload.GetAsync("/open/closed?token=FAKE-query");
        var json = await workload.GetAsync("/else?token=FAKE-query", "Accept: application/problem+json, */*\r\nCookie: FAKE-cookie\r\n");
        var head = await workload.SendAsync("HEAD /else HTTP/1.1\r\nHost: api.test\r\n\r\n", hasBody: false);
        await workload.CloseAsync();
        var audit = await edge.StopAsync();

        Assert.Equal([403, 403, 403], [text.Status, json.Status, head.Status]);
        Assert.Equal("deny * api.test/open/closed", text["Fairlead-Deny"]);
        Assert.Equal(
            $"""
            fairlead: policy 'p' refuses this request. A rule of policy 'p' matches.

              request     GET https://api.test/open/closed
              rule        deny * api.test/open/closed
              request id  {audit[0].GetProperty("request").GetString()}
              what to do  If the session 's1' needs it, ask the owner of the policy for: allow GET api.test/open/closed

            """,
            text.Body);
        var told = JsonDocument.Parse(json.Body).RootElement;
        Assert.Equal(("denied", "default: deny"), (told.GetProperty("error").GetString(), told.GetProperty("rule").GetString()));
        Assert.Equal(audit[1].GetProperty("request").GetString(), told.GetProperty("request_id").GetString());
        Assert.Equal(["denied", "denied", "denied", "completed"], OutcomesOf(audit));
        Assert.Equal("deny", audit[0].GetProperty("decision").GetString());
        Assert.DoesNotContain("FAKE-", text.Body + json.Body + json.Head + File.ReadAllText(edge.AuditFile), StringComparison.Ordinal);
    }

    [Fact]
    public async Task No_dial_before_policy()
    {
        await using var canary = new RawOrigin(_ => Task.CompletedTask);
        await using var edge = await Edge.StartAsync(
            new Dictionary<string, IPEndPoint> { [Edge.Host] = canary.EndPoint }, _ca, [Edge.SessionOf("s1", Edge.Token, ["allow GET other.test", "allow GET api.test/open/**"])]);
        var workload = await Workload.OpenAsync(edge);

        foreach (var target in new[] { "/", "/closed", "/open/../closed", "/open/%2e%2e/closed", "/open/..%2fclosed", "//open", "/open%2f..%5cclosed" })
            Assert.Equal(403, (await workload.GetAsync(target)).Status);
        Assert.Equal(403, (await workload.SendAsync("POST /open/x HTTP/1.1\r\nHost: api.test\r\nContent-Length: 3\r\n\r\nabc")).Status);
        await workload.CloseAsync();
        await edge.StopAsync();

        Assert.Equal(0, canary.Connections);
    }

    [Fact]
    public async Task Observing_lets_pass_and_records_what_it_would_have_done()
    {
        await using var edge = await Edge.StartAsync(_origin, _ca, Edge.SessionOf("s1", Edge.Token, ["deny * api.test"], mode: PolicyMode.Observe));
        var workload = await Workload.OpenAsync(edge);

        var reply = await workload.GetAsync();
        await workload.CloseAsync();
        var audit = await edge.StopAsync();

        Assert.Equal(200, reply.Status);
        Assert.Equal(("observe", "deny * api.test", "completed"), (audit[0].GetProperty("decision").GetString(), audit[0].GetProperty("rule").GetString(), audit[0].GetProperty("outcome").GetString()));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Headers_of_one_hop_end_here_and_the_credential_wins(bool http2)
    {
        await using var edge = await Edge.StartAsync(_origin, _ca, Edge.SessionOf("s1", Edge.Token, credentials: [Edge.CredentialOf("c", "Authorization", "FAKE-injected")]));
        var workload = await Workload.OpenAsync(edge, http2: http2);

        if (http2)
        {
            using var client = workload.Client();
            using var request = new HttpRequestMessage(HttpMethod.Get, "https://api.test/");
            request.Version = new Version(2, 0);
            request.Headers.TryAddWithoutValidation("authorization", "FAKE-workloads");
            request.Headers.TryAddWithoutValidation("proxy-anything", "x");
            request.Headers.TryAddWithoutValidation("x-kept", "kept");
            Assert.Equal(HttpStatusCode.OK, (await client.SendAsync(request, Limits.Token)).StatusCode);
        }
        else
        {
            var reply = await workload.GetAsync("/", """
                Connection: Authorization, X-Nominated
                Connection: x-also
                Authorization: FAKE-workloads
                authorization: FAKE-workloads-again
                X-Nominated: x
                X-Also: x
                Keep-Alive: timeout=5
                Proxy-Authorization: FAKE-proxy
                Proxy-Connection: keep-alive
                Proxy-Anything: x
                TE: gzip, trailers
                Upgrade: h2c
                HTTP2-Settings: AAAA
                X-Kept: kept

                """.ReplaceLineEndings("\r\n"));
            Assert.Equal(200, reply.Status);
        }

        await workload.CloseAsync();
        var audit = await edge.StopAsync();

        var seen = Assert.Single(_origin.Requests);
        Assert.Equal(("FAKE-injected", "kept"), (seen.Headers["Authorization"], seen.Headers["X-Kept"]));
        Assert.All(seen.Headers.Keys, name => Assert.DoesNotContain(name, (string[])["Connection", "Keep-Alive", "Proxy-Authorization", "Proxy-Connection", "Proxy-Anything", "X-Nominated", "X-Also", "Upgrade"], StringComparer.OrdinalIgnoreCase));
        if (!http2) Assert.Equal("trailers", seen.Headers["TE"]);
        Assert.Equal(["c"], audit[0].GetProperty("credentials").EnumerateArray().Select(c => c.GetString()));
        Assert.DoesNotContain("FAKE-injected", File.ReadAllText(edge.AuditFile), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_credential_stays_with_its_host()
    {
        await using var edge = await Edge.StartAsync(
            new Dictionary<string, IPEndPoint> { [Edge.Host] = _origin.EndPoint, ["other.test"] = _origin.EndPoint }, _ca,
            [Edge.SessionOf("s1", Edge.Token, credentials: [Edge.CredentialOf("c", "X-Key", "FAKE-injected")])]);
        var workload = await Workload.OpenAsync(edge, "other.test");

        await workload.GetAsync("/", "X-Forwarded-Host: api.test\r\n", "other.test");
        await workload.CloseAsync();
        var audit = await edge.StopAsync();

        Assert.False(Assert.Single(_origin.Requests).Headers.ContainsKey("X-Key"));
        Assert.Empty(audit[0].GetProperty("credentials").EnumerateArray());
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\nHost: api.test\r\nContent-Type: application/json\r\n\r\n")]
    [InlineData("POST / HTTP/1.1\r\nHost: api.test\r\nContent-Type: application/json\r\nContent-Length: 0\r\n\r\n")]
    [InlineData("DELETE / HTTP/1.1\r\nHost: api.test\r\nContent-Type: application/json\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: api.test\r\n\r\n")]
    public async Task A_request_without_a_body_stays_without(string request)
    {
        await using var edge = await StartAsync();
        var workload = await Workload.OpenAsync(edge);

        var reply = await workload.SendAsync(request);
        await workload.CloseAsync();
        await edge.StopAsync();

        Assert.Equal(200, reply.Status);
        var seen = Assert.Single(_origin.Requests);
        Assert.False(seen.Headers.ContainsKey("Transfer-Encoding"));
        Assert.Equal(request.Contains("Content-Type", StringComparison.Ordinal) ? "application/json" : "", seen.Headers.GetValueOrDefault("Content-Type", ""));
        Assert.Equal("0", seen.Headers.GetValueOrDefault("Content-Length", "0"));
    }

    [Theory]
    [InlineData("Content-Length: 11\r\n\r\nhello world")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nTrailer: x\r\n\r\n")]
    public async Task A_body_comes_through_whole(string body)
    {
        await using var edge = await StartAsync();
        var workload = await Workload.OpenAsync(edge);

        var reply = await workload.SendAsync($"PUT /x HTTP/1.1\r\nHost: api.test\r\n{body}");
        await workload.CloseAsync();
        var audit = await edge.StopAsync();

        Assert.Equal(200, reply.Status);
        Assert.Equal("hello world", Assert.Single(_origin.Requests).Body);
        Assert.Equal((11, 15), (audit[0].GetProperty("bytes_in").GetInt32(), audit[0].GetProperty("bytes_out").GetInt32()));
    }

    [Fact]
    public async Task Every_visible_character_of_a_target_comes_through_as_sent()
    {
        await using var edge = await StartAsync();
        var workload = await Workload.OpenAsync(edge);
        var targets = Enumerable.Range('!', '~' - '!' + 1).Select(c => (char)c).Where(c => c is not '#')
            .SelectMany(c => new[] { $"/a{c}b", $"/q?a{c}b=c" }).Append("/%41%2f%2F%zz/../x//y/./;z\\").Append("//evil.test/x").ToArray();

        foreach (var target in targets)
        {
            var reply = await workload.GetAsync(target);
            Assert.True(reply.Status == 200, $"{target}: {reply.Head}");
            Assert.Equal(target, _origin.Requests.Last().Target);
        }

        await workload.CloseAsync();
    }

    [Theory]
    [InlineData("under_score.test")]
    [InlineData("_dmarc.test")]
    [InlineData("a--b.test")]
    [InlineData("xn--bcher-kva.test")]
    [InlineData("xn--zzzzzzzz99999.test")]
    [InlineData("1e9.test")]
    [InlineData("0xg")]
    [InlineData("0x7f.test")]
    [InlineData("single")]
    [InlineData("1a")]
    public async Task An_odd_name_that_is_accepted_is_served(string host)
    {
        await using var edge = await Edge.StartAsync(new Dictionary<string, IPEndPoint> { [host] = _origin.EndPoint }, _ca);
        var workload = await Workload.ConnectAsync(edge, $"{host}:443");
        Assert.Equal(200, workload.Answer.Status);
        // Not every client sends such a name; without one the leaf is the same.
        await workload.StartTlsAsync(host, await edge.RootAsync(), System.Net.Security.SslApplicationProtocol.Http11);

        var reply = await workload.GetAsync(host: host);
        await workload.CloseAsync();
        var audit = await edge.StopAsync();

        Assert.True(reply.Status == 200, reply.Head + reply.Body);
        Assert.Equal(host, Assert.Single(_origin.Requests).Headers["Host"]);
        Assert.Equal(host, audit[0].GetProperty("host").GetString());
    }

    [Fact]
    public async Task Nothing_asked_inside_a_tunnel_reaches_the_gateways_own_endpoints()
    {
        var edgePort = 0;
        await using var edge = await StartAsync();
        edgePort = edge.Address.Port;
        var workload = await Workload.OpenAsync(edge);

        // The gateway's paths are paths of the origin like any other.
        var ca = await workload.GetAsync(Protocol.CaCertificatePath);
        var ws = await workload.GetAsync(Protocol.WebSocketPath, Workload.UpgradeHeaders());
        await workload.CloseAsync();
        // Its address may not be dialled, by number or by name.
        var byNumber = await Workload.ConnectAsync(edge, $"127.0.0.1:{edgePort}");
        var byName = await Workload.OpenAsync(edge, "localhost", edgePort);
        var refused = await byName.GetAsync(Protocol.CaCertificatePath, host: $"localhost:{edgePort}");
        await byNumber.CloseAsync();
        await byName.CloseAsync();
        // The self-test host is answered by a sentence of its own, whatever the path.
        var self = await Workload.OpenAsync(edge, Protocol.SelfTestHost);
        var selfCa = await self.GetAsync(Protocol.CaCertificatePath, host: Protocol.SelfTestHost);
        var selfWs = await self.GetAsync(Protocol.WebSocketPath, Workload.UpgradeHeaders(), host: Protocol.SelfTestHost);
        await self.CloseAsync();

        Assert.All([selfCa, selfWs], reply => Assert.Equal((200, "self-test"), (reply.Status, Json(reply).GetProperty("fairlead").GetString())));
        Assert.Equal(("from the origin", "from the origin"), (ca.Body, ws.Body));
        Assert.Equal([Protocol.CaCertificatePath, Protocol.WebSocketPath], _origin.Requests.Select(r => r.Target));
        Assert.Equal(403, byNumber.Answer.Status);
        Assert.True(refused.Status is 403 or 502, refused.Body);
        Assert.DoesNotContain("CERTIFICATE", refused.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_tunnel_and_every_request_leaves_exactly_one_audit_record()
    {
        await using var broken = RawOrigin.OverTls(_ca.Issue("broken.test"), async tls =>
        {
            await Reply.ReadHeadAsync(tls);
            await tls.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"u8.ToArray(), Limits.Token);
        });
        await using var mute = RawOrigin.OverTls(_ca.Issue("mute.test"), async tls => await Reply.ReadHeadAsync(tls));
        await using var edge = await Edge.StartAsync(
            new Dictionary<string, IPEndPoint> { [Edge.Host] = _origin.EndPoint, ["broken.test"] = broken.EndPoint, ["mute.test"] = mute.EndPoint },
            _ca, [Edge.SessionOf("s1", Edge.Token, ["allow * **", "deny * api.test/closed"])]);

        async Task InTunnelAsync(string host, params string[] requests)
        {
            var workload = await Workload.OpenAsync(edge, host);
            foreach (var request in requests)
            {
                try
                {
                    await workload.SendAsync(request.Replace("HOST", host, StringComparison.Ordinal));
                }
                catch (Exception e) when (e is IOException)
                {
                    break; // cut in the middle, as it should be
                }
            }

            await workload.CloseAsync();
        }

        await InTunnelAsync(Edge.Host, "GET / HTTP/1.1\r\nHost: HOST\r\n\r\n", "GET /closed HTTP/1.1\r\nHost: HOST\r\n\r\n", "GET / HTTP/1.1\r\nHost: else.test\r\n\r\n", "TRACE / HTTP/1.1\r\nHost: HOST\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: HOST\r\n\r\n");
        await InTunnelAsync("no-such-host.invalid", "GET / HTTP/1.1\r\nHost: HOST\r\n\r\n");
        await InTunnelAsync("mute.test", "GET / HTTP/1.1\r\nHost: HOST\r\n\r\n");
        await InTunnelAsync("broken.test", "GET / HTTP/1.1\r\nHost: HOST\r\n\r\n");
        await InTunnelAsync(Edge.Host);
        await (await Workload.ConnectAsync(edge, "10.0.0.1:443")).CloseAsync();
        await (await Workload.AskAsync(edge, "")).Stream.DisposeAsync();
        var audit = await edge.StopAsync();

        var requests = audit.Where(r => r.GetProperty("type").GetString() == "request").ToArray();
        var tunnels = audit.Where(r => r.GetProperty("type").GetString() == "tunnel").OrderBy(t => t.GetProperty("time").GetDateTime()).ToArray();
        Assert.Equal(["completed", "denied", "misdirected", "bad_request", "bad_request"], OutcomesOf(requests[..5]));
        Assert.True(requests[5].GetProperty("outcome").GetString() is "upstream_dns" or "upstream_timeout");
        Assert.Equal(["upstream_protocol", "upstream_aborted"], OutcomesOf(requests[6..]));
        Assert.Equal(7, tunnels.Length);
        Assert.Equal([5, 1, 1, 1, 0], tunnels.Take(5).Select(t => t.GetProperty("requests").GetInt32()));
        Assert.Equal(["completed", "completed", "completed", "gateway_aborted", "completed", "address_forbidden", "unauthenticated"], OutcomesOf(tunnels));
        Assert.Equal(audit.Length, audit.Select(r => (r.GetProperty("tunnel").GetString(), r.TryGetProperty("request", out var id) ? id.GetString() : "")).Distinct().Count());
        Assert.All(requests, r => Assert.Contains(tunnels, t => t.GetProperty("tunnel").GetString() == r.GetProperty("tunnel").GetString()));
        Assert.All(audit, Audit.AuditSchema.AssertHolds);
    }

    [Fact]
    public async Task The_gateway_is_closed_on_doubt_and_forwards_nothing_that_it_cannot_record()
    {
        using var folder = new TempFolder();
        await using var disk = await SmallDisk.MountAsync(folder["disk"]);
        await using var edge = await Edge.StartAsync(
            new Dictionary<string, IPEndPoint> { [Edge.Host] = _origin.EndPoint }, _ca, auditFile: Path.Combine(disk.Root, "audit.jsonl"), guarantee: Fairlead.Gateway.Audit.AuditGuarantee.BeforeUpstreamAlways);
        var workload = await Workload.OpenAsync(edge);
        disk.Fill();
        // The disk counts in pages, so some records still fit, each in a write of its own: the next one is sent when this one is in the file. The one that does not fit is the last.
        long before;
        do before = new FileInfo(edge.AuditFile).Length;
        while ((await workload.SendAsync($"TRACE /{new string('x', 3000)} HTTP/1.1\r\nHost: api.test\r\n\r\n")).Status == 405 && await HasGrownAsync(edge.AuditFile, before));

        var refused = await workload.GetAsync();
        var refusedAgain = await workload.GetAsync();
        Assert.Equal((503, 503), (refused.Status, refusedAgain.Status));
        Assert.Empty(_origin.Requests);
        Assert.Equal(0, _origin.Connections);

        disk.Empty();
        for (var deadline = Limits.Token; (await workload.GetAsync()).Status != 200; deadline.ThrowIfCancellationRequested()) await Task.Delay(10, deadline);
        await workload.CloseAsync();
        Assert.Contains("audit_unavailable", OutcomesOf(await edge.StopAsync()));
    }

    // False when what was sent cannot be in the file any more.
    private static async Task<bool> HasGrownAsync(string file, long before)
    {
        for (var began = Stopwatch.GetTimestamp(); new FileInfo(file).Length == before; await Task.Delay(5, Limits.Token))
        {
            if (Stopwatch.GetElapsedTime(began) > TimeSpan.FromSeconds(3)) return false;
        }

        return true;
    }

    [Fact]
    public async Task A_credential_is_sent_only_when_its_intent_is_in_the_audit()
    {
        Edge? edge = null;
        var seen = new System.Collections.Concurrent.ConcurrentQueue<string>();
        await using var origin = await Origin.StartAsync(_ca, context =>
        {
            // What the audit says when the request is there.
            var intent = edge!.Lines.SingleOrDefault(r => r.GetProperty("type").GetString() == "intent" && r.GetProperty("path").GetString() == context.Request.Path.Value);
            if (intent.ValueKind == JsonValueKind.Object) seen.Enqueue($"{intent.GetProperty("host")} {intent.GetProperty("credentials")} {intent.GetProperty("decision")}");
            return Task.CompletedTask;
        });
        await using (edge = await Edge.StartAsync(
            new Dictionary<string, IPEndPoint> { [Edge.Host] = origin.EndPoint, ["other.test"] = origin.EndPoint }, _ca, [Edge.SessionOf("s1", Edge.Token, credentials: [Edge.CredentialOf("c", "X-Key", "FAKE-injected")])]))
        {
            foreach (var (host, path) in new[] { (Edge.Host, "/with"), ("other.test", "/without") })
            {
                var workload = await Workload.OpenAsync(edge, host);
                Assert.Equal(200, (await workload.GetAsync(path, "", host)).Status);
                await workload.CloseAsync();
            }

            var records = await edge.StopAsync();
            Assert.Equal(["""api.test ["c"] allow"""], seen);
            Assert.All(edge.Lines, Audit.AuditSchema.AssertHolds);
            Assert.Equal(edge.Lines.Single(r => r.GetProperty("type").GetString() == "intent").GetProperty("request").GetString(), records.Single(r => r.TryGetProperty("path", out var p) && p.GetString() == "/with").GetProperty("request").GetString());
        }
    }

    [Fact]
    public async Task Upstream_connections_are_never_shared_between_sessions_with_different_credentials()
    {
        await using var edge = await Edge.StartAsync(
            _origin, _ca,
            Edge.SessionOf("s1", "FAKE-one", credentials: [Edge.CredentialOf("c", "X-Key", "FAKE-key-1")]),
            Edge.SessionOf("s2", "FAKE-two", credentials: [Edge.CredentialOf("c", "X-Key", "FAKE-key-2")]));

        await Task.WhenAll(Enumerable.Range(0, 8).Select(async i =>
        {
            var one = i % 2 == 0;
            var workload = await Workload.OpenAsync(edge, session: one ? "s1" : "s2", token: one ? "FAKE-one" : "FAKE-two", http2: i % 4 < 2);
            using var client = workload.Client();
            for (var n = 0; n < 20; n++) await client.GetStringAsync($"https://api.test/{(one ? 1 : 2)}", Limits.Token);
            await workload.CloseAsync();
        }));
        await edge.StopAsync();

        Assert.Equal(160, _origin.Requests.Count);
        Assert.All(_origin.Requests, r => Assert.Equal($"FAKE-key-{r.Target[1..]}", r.Headers["X-Key"]));
        var keysOfConnections = _origin.Requests.GroupBy(r => r.Connection.Split(':')[0]).Select(g => g.Select(r => r.Headers["X-Key"]).Distinct().Count());
        Assert.All(keysOfConnections, keys => Assert.Equal(1, keys));
    }

    [Fact]
    public async Task Many_at_once_each_get_their_own_answer()
    {
        await using var origin = await Origin.StartAsync(_ca, async context => await context.Response.WriteAsync(context.Request.Path + new string('.', 5000)));
        await using var edge = await Edge.StartAsync(origin, _ca);

        await Task.WhenAll(Enumerable.Range(0, 24).Select(async i =>
        {
            var workload = await Workload.OpenAsync(edge, http2: i % 2 == 0);
            using var client = workload.Client();
            if (i % 2 == 0)
            {
                await Task.WhenAll(Enumerable.Range(0, 20).Select(async n =>
                    Assert.Equal($"/{i}/{n}" + new string('.', 5000), await client.GetStringAsync($"https://api.test/{i}/{n}", Limits.Token))));
            }
            else
            {
                for (var n = 0; n < 20; n++) Assert.Equal($"/{i}/{n}" + new string('.', 5000), await client.GetStringAsync($"https://api.test/{i}/{n}", Limits.Token));
            }

            await workload.CloseAsync();
        }));
        var audit = await edge.StopAsync();

        Assert.Equal(24 * 20 + 24, audit.Length);
        Assert.All(audit, r => Assert.Equal("completed", r.GetProperty("outcome").GetString()));
    }

    [Fact]
    public async Task A_workload_that_leaves_is_recorded_and_the_origin_is_told()
    {
        var left = new TaskCompletionSource();
        var arrived = new TaskCompletionSource();
        await using var origin = await Origin.StartAsync(_ca, async context =>
        {
            using var told = context.RequestAborted.Register(() => left.TrySetResult());
            arrived.TrySetResult();
            await left.Task.WaitAsync(Limits.Token);
        });
        await using var edge = await Edge.StartAsync(origin, _ca);
        var workload = await Workload.OpenAsync(edge);
        await workload.Tls.WriteAsync("GET / HTTP/1.1\r\nHost: api.test\r\n\r\n"u8.ToArray(), Limits.Token);
        await arrived.Task.WaitAsync(Limits.Token);

        await workload.DisposeAsync();
        await left.Task.WaitAsync(Limits.Token);
        var audit = await edge.StopAsync();

        Assert.Equal(["client_aborted", "client_aborted"], OutcomesOf(audit));
        Assert.Equal(JsonValueKind.Null, audit.Single(r => r.GetProperty("type").GetString() == "request").GetProperty("status").ValueKind);
        Assert.All(audit, Audit.AuditSchema.AssertHolds);
    }

    [Theory]
    [InlineData("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", 204)]
    [InlineData("HTTP/1.1 204 No Content\r\n\r\n", 204)]
    [InlineData("HTTP/1.1 304 Not Modified\r\nContent-Length: 1234\r\nETag: \"x\"\r\n\r\n", 304)]
    [InlineData("HTTP/1.1 302 Found\r\nLocation: https://else.test/\r\nContent-Length: 0\r\n\r\n", 302)]
    [InlineData("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200)]
    [InlineData("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n", 401)]
    [InlineData("HTTP/1.1 599 Odd\r\nContent-Length: 0\r\n\r\n", 599)]
    [InlineData("HTTP/1.0 200 OK\r\n\r\nto the end", 200)]
    [InlineData("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nsmuggled", 502)]
    [InlineData("nonsense\r\n\r\n", 502)]
    [InlineData("", 502)]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!", 502)]
    [InlineData("HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 0\r\n\r\n", 200)]
    [InlineData("HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n", 200)]
    public async Task What_an_upstream_says_is_passed_on_or_explained(string said, int status)
    {
        await using var origin = RawOrigin.OverTls(_ca.Issue(Edge.Host), async tls =>
        {
            await Reply.ReadHeadAsync(tls);
            await tls.WriteAsync(Encoding.Latin1.GetBytes(said), Limits.Token);
        });
        await using var edge = await Edge.StartAsync(new Dictionary<string, IPEndPoint> { [Edge.Host] = origin.EndPoint }, _ca);
        var workload = await Workload.OpenAsync(edge);

        var reply = await workload.GetAsync();
        await workload.CloseAsync();
        var audit = await edge.StopAsync();

        Assert.True(status == reply.Status, reply.Head + reply.Body);
        Assert.True((status == 502 ? "upstream_protocol" : "completed") == audit[0].GetProperty("outcome").GetString(), audit[0].ToString());
        if (status == 502) Assert.NotNull(reply["Fairlead-Request"]);
        Assert.All(reply.Head.Replace("\r\n", "", StringComparison.Ordinal), c => Assert.InRange(c, ' ', '~'));
        Assert.All(audit, Audit.AuditSchema.AssertHolds);
    }

    [Theory]
    [InlineData("Connection: X-Nominated, close\r\nX-Nominated: x\r\nKeep-Alive: 5\r\nProxy-Authenticate: Basic\r\nProxy-X: y\r\nAlt-Svc: h3=\":443\"\r\nUpgrade: h2c\r\nX-Kept: kept\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n")]
    public async Task Headers_of_one_hop_do_not_come_back(string headers)
    {
        await using var origin = RawOrigin.OverTls(_ca.Issue(Edge.Host), async tls =>
        {
            await Reply.ReadHeadAsync(tls);
            await tls.WriteAsync(Encoding.Latin1.GetBytes($"HTTP/1.1 200 OK\r\n{headers}Content-Length: 0\r\n\r\n"), Limits.Token);
        });
        await using var edge = await Edge.StartAsync(new Dictionary<string, IPEndPoint> { [Edge.Host] = origin.EndPoint }, _ca);
        var workload = await Workload.OpenAsync(edge);

        var reply = await workload.GetAsync();
        await workload.CloseAsync();

        foreach (var name in new[] { "X-Nominated", "Keep-Alive", "Proxy-Authenticate", "Proxy-X", "Alt-Svc", "Upgrade" }) Assert.Null(reply[name]);
        Assert.Equal("kept", reply["X-Kept"]);
        Assert.Equal(2, reply.Head.Split("Set-Cookie:").Length - 1);
    }

    [Theory]
    [InlineData("POST", 1)]
    [InlineData("DELETE", 1)]
    [InlineData("PATCH", 1)]
    public async Task A_request_that_changes_something_is_sent_once(string method, int times)
    {
        var heads = 0;
        await using var origin = RawOrigin.OverTls(_ca.Issue(Edge.Host), async tls =>
        {
            await Reply.ReadHeadAsync(tls);
            Interlocked.Increment(ref heads);
        });
        await using var edge = await Edge.StartAsync(new Dictionary<string, IPEndPoint> { [Edge.Host] = origin.EndPoint }, _ca);
        var workload = await Workload.OpenAsync(edge);

        var reply = await workload.SendAsync($"{method} /die HTTP/1.1\r\nHost: api.test\r\nContent-Length: 0\r\n\r\n");
        await workload.CloseAsync();
        var audit = await edge.StopAsync();

        Assert.Equal((502, times), (reply.Status, heads));
        Assert.Equal("upstream_protocol", OutcomesOf(audit).First());
    }

    [Theory]
    [InlineData("200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 200, "completed")]
    [InlineData("200 OK\r\nContent-Length: 30\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 200, "completed")]
    [InlineData("204 No Content\r\nContent-Length: 5\r\n\r\n", 204, "completed")]
    [InlineData("205 Reset Content\r\nContent-Length: 5\r\n\r\nhello", 205, "completed")]
    [InlineData("099 Odd\r\nContent-Length: 0\r\n\r\n", 502, "upstream_protocol")]
    [InlineData("200 OK\r\nX: \u0001\r\nContent-Length: 0\r\n\r\n", 502, "upstream_protocol")]
    public async Task An_answer_that_contradicts_itself_is_mended_or_refused(string answer, int status, string outcome)
    {
        await using var origin = RawOrigin.OverTls(_ca.Issue(Edge.Host), async tls =>
        {
            await Reply.ReadHeadAsync(tls);
            await tls.WriteAsync(Encoding.Latin1.GetBytes("HTTP/1.1 " + answer), Limits.Token);
        });
        await using var edge = await Edge.StartAsync(new Dictionary<string, IPEndPoint> { [Edge.Host] = origin.EndPoint }, _ca);
        var workload = await Workload.OpenAsync(edge);

        var reply = await workload.SendAsync("GET / HTTP/1.1\r\nHost: api.test\r\n\r\n", hasBody: status is not (204 or 205));
        await workload.CloseAsync();
        var audit = await edge.StopAsync();

        Assert.Equal((status, outcome), (reply.Status, OutcomesOf(audit).First()));
        if (status == 200) Assert.Equal("hello", reply.Body);
    }

    [Theory]
    [InlineData("POST")]
    [InlineData("HEAD")]
    public async Task Only_a_get_becomes_a_websocket(string method)
    {
        await using var edge = await StartAsync();
        var workload = await Workload.OpenAsync(edge);

        await workload.SendAsync(
            $"{method} / HTTP/1.1\r\nHost: api.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nContent-Length: 0\r\n\r\n",
            hasBody: method != "HEAD");
        await workload.CloseAsync();
        await edge.StopAsync();

        Assert.Equal((method, false), (_origin.Requests.Single().Method, _origin.Requests.Single().Headers.ContainsKey("Upgrade")));
    }

    [Fact]
    public async Task A_websocket_is_two_streams_after_the_upstreams_101()
    {
        var headSeen = "";
        await using var origin = RawOrigin.OverTls(_ca.Issue(Edge.Host), async tls =>
        {
            headSeen = await Reply.ReadHeadAsync(tls);
            var key = headSeen.Split("Sec-WebSocket-Key: ")[1].Split("\r\n")[0];
            await tls.WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {WebSocketHandshake.AcceptFor(key)}\r\n\r\n"), Limits.Token);
            var five = new byte[5];
            await tls.ReadExactlyAsync(five, Limits.Token);
            await tls.WriteAsync(five, Limits.Token);
        });
        await using var edge = await Edge.StartAsync(
            new Dictionary<string, IPEndPoint> { [Edge.Host] = origin.EndPoint }, _ca,
            [Edge.SessionOf("s1", Edge.Token, ["allow GET api.test/ws"], [Edge.CredentialOf("c", "X-Key", "FAKE-injected")])]);
        var workload = await Workload.OpenAsync(edge);

        // Bytes that come at once with the upgrade wait for the 101.
        var reply = await workload.SendAsync("GET /ws HTTP/1.1\r\nHost: api.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\nhello");
        var echoed = new byte[5];
        await workload.Tls.ReadExactlyAsync(echoed, Limits.Token);
        Assert.Equal(0, await workload.Tls.ReadAsync(new byte[1], Limits.Token)); // the origin ended it
        await workload.CloseAsync();
        var audit = await edge.StopAsync();

        Assert.Equal((101, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), (reply.Status, reply["Sec-WebSocket-Accept"]));
        Assert.Equal("hello", Encoding.ASCII.GetString(echoed));
        Assert.Contains("X-Key: FAKE-injected\r\n", headSeen, StringComparison.Ordinal);
        var record = audit.Single(r => r.GetProperty("type").GetString() == "request");
        Assert.Equal(("upgraded", 101, 5, 5), (record.GetProperty("outcome").GetString(), record.GetProperty("status").GetInt32(), record.GetProperty("bytes_in").GetInt32(), record.GetProperty("bytes_out").GetInt32()));
        Assert.All(audit, Audit.AuditSchema.AssertHolds);
    }

    [Fact]
    public async Task A_websocket_is_judged_like_a_get()
    {
        await using var edge = await Edge.StartAsync(_origin, _ca, Edge.SessionOf("s1", Edge.Token, ["allow GET api.test/open"]));
        var workload = await Workload.OpenAsync(edge);

        var reply = await workload.SendAsync("GET /ws HTTP/1.1\r\nHost: api.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
        await workload.CloseAsync();
        var audit = await edge.StopAsync();

        Assert.Equal(403, reply.Status);
        Assert.Equal("denied", audit[0].GetProperty("outcome").GetString());
        Assert.Equal(0, _origin.Connections);
    }

    [Fact]
    public async Task A_secret_is_in_no_answer_and_in_no_record_whatever_goes_wrong()
    {
        const string canary = "FAKE-canary-0815";
        await using var mute = RawOrigin.OverTls(_ca.Issue("mute.test"), async tls => await Reply.ReadHeadAsync(tls));
        await using var wrong = RawOrigin.OverTls(_ca.Issue("else.test"), _ => Task.CompletedTask);
        await using var edge = await Edge.StartAsync(
            new Dictionary<string, IPEndPoint> { ["mute.test"] = mute.EndPoint, ["wrong.test"] = wrong.EndPoint, ["gone.test"] = new(IPAddress.Loopback, 1) },
            _ca, [Edge.SessionOf("s1", canary, credentials: [Edge.CredentialOf("c", "X-Key", canary, "*.test")])]);
        var said = new StringBuilder();

        foreach (var host in new[] { "mute.test", "wrong.test", "gone.test" })
        {
            var workload = await Workload.OpenAsync(edge, host, token: canary);
            foreach (var accept in new[] { "text/plain", "application/json" })
            {
                var reply = await workload.GetAsync("/", $"Accept: {accept}\r\n", host);
                Assert.Equal(502, reply.Status);
                said.Append(reply.Head).Append(reply.Body);
            }

            await workload.CloseAsync();
        }

        await edge.StopAsync();
        Assert.DoesNotContain(canary, said.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(canary, File.ReadAllText(edge.AuditFile), StringComparison.Ordinal);
    }

    private static JsonElement Json(Reply reply) => JsonDocument.Parse(reply.Body).RootElement.Clone();

    private Task<Edge> StartAsync() => Edge.StartAsync(_origin, _ca);

    private static IEnumerable<string?> OutcomesOf(IEnumerable<JsonElement> audit) => audit.Select(r => r.GetProperty("outcome").GetString());
}
