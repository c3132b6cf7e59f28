using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using Fairlead.Gateway.Interception;
using Fairlead.Tests.Wire.Oracle;
using Fairlead.Wire;
using Google.Protobuf;

namespace Fairlead.Tests.Gateway;

public sealed class TunnelEndpointTests
{
    [Theory]
    [InlineData("", 401)]
    [InlineData("Authorization: Bearer FAKE-wrong\r\n", 401)]
    [InlineData("Authorization: Basic FAKE-session-token\r\n", 401)]
    [InlineData("Authorization: Bearer FAKE-session-token\r\nAuthorization: Bearer FAKE-session-token\r\n", 401)]
    [InlineData("Authorization: Bearer FAKE-session-token\r\n", 426)]
    [InlineData("Authorization: Bearer FAKE-session-token\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n", 426)]
    [InlineData("Authorization: Bearer FAKE-session-token\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", 426)]
    [InlineData("Authorization: Bearer FAKE-session-token\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n", 426)]
    [InlineData("Authorization: Bearer FAKE-session-token\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", 426)]
    [InlineData("Authorization: Bearer FAKE-session-token\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", 415)]
    [InlineData("Authorization: Bearer FAKE-session-token\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nContent-Type: application/json\r\n", 415)]
    public async Task An_upgrade_that_is_none_of_ours_is_refused(string headers, int status)
    {
        await using var edge = await Edge.StartAsync();

        var (reply, stream) = await Workload.AskAsync(edge, headers);
        await stream.DisposeAsync();
        var audit = await edge.StopAsync();

        Assert.Equal(status, reply.Status);
        Assert.Equal(status, Assert.Single(audit).GetProperty("status").GetInt32());
        Assert.DoesNotContain("FAKE", reply.Head + reply.Body + File.ReadAllText(edge.AuditFile), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/v1/code/upstreamproxy")]
    [InlineData("/v1/code/upstreamproxy/ws/")]
    [InlineData("/V1/code/upstreamproxy/ca-cert")]
    [InlineData("/metrics")]
    public async Task Nothing_else_is_served(string path)
    {
        await using var edge = await Edge.StartAsync();

        var (reply, stream) = await Workload.AskAsync(edge, Workload.UpgradeHeaders(), path);
        await stream.DisposeAsync();

        Assert.Equal(404, reply.Status);
        Assert.Empty(await edge.StopAsync());
    }

    [Fact]
    public async Task The_ca_is_served_to_everybody_as_pem_and_is_not_kept()
    {
        await using var edge = await Edge.StartAsync();

        var (reply, stream) = await Workload.AskAsync(edge, "", Protocol.CaCertificatePath);
        await stream.DisposeAsync();

        Assert.Equal((200, "application/x-pem-file", "no-store"), (reply.Status, reply["Content-Type"], reply["Cache-Control"]));
        Assert.StartsWith("-----BEGIN CERTIFICATE-----\n", reply.Body, StringComparison.Ordinal);
        Assert.DoesNotContain("PRIVATE", reply.Body, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\nHost: api.test\r\n\r\n", 400, "bad_request")]
    [InlineData("CONNECT api.test:443\r\n\r\n", 400, "bad_request")]
    [InlineData("CONNECT api.test:443 HTTP/2\r\n\r\n", 400, "bad_request")]
    [InlineData("CONNECT api.test:443 HTTP/1.1\r\nNo colon\r\n\r\n", 400, "bad_request")]
    [InlineData("CONNECT api.test:443 HTTP/1.1\r\n\r\n", 407, "authentication_mismatch")]
    [InlineData("CONNECT api.test:443 HTTP/1.1\r\nProxy-Authorization: Basic !!!\r\n\r\n", 407, "authentication_mismatch")]
    [InlineData("CONNECT api.test:443 HTTP/1.1\r\nProxy-Authorization: Bearer FAKE-session-token\r\n\r\n", 407, "authentication_mismatch")]
    [InlineData("CONNECT api.test:443 HTTP/1.1\r\nProxy-Authorization: Basic czE6\r\nProxy-Authorization: Basic czE6\r\n\r\n", 400, "bad_request")]
    [InlineData("user s2", 407, "authentication_mismatch")]
    [InlineData("password FAKE-other", 407, "authentication_mismatch")]
    [InlineData("target 127.0.0.1:443", 403, "address_forbidden")]
    [InlineData("target [::1]:443", 403, "address_forbidden")]
    [InlineData("target 169.254.169.254:80", 403, "address_forbidden")]
    [InlineData("target 10.0.0.1:443", 403, "address_forbidden")]
    [InlineData("target 0.0.0.0:443", 403, "address_forbidden")]
    [InlineData("target [::ffff:127.0.0.1]:443", 403, "address_forbidden")]
    [InlineData("target [64:ff9b::7f00:1]:443", 403, "address_forbidden")]
    [InlineData("target [fd00:ec2::254]:80", 403, "address_forbidden")]
    [InlineData("target 0x7f.1:443", 400, "bad_request")]
    [InlineData("target 2130706433:443", 400, "bad_request")]
    [InlineData("target 127.1:443", 400, "bad_request")]
    [InlineData("target 0177.0.0.1:443", 400, "bad_request")]
    [InlineData("target [127.0.0.1]:443", 400, "bad_request")]
    [InlineData("target [::1%25lo]:443", 400, "bad_request")]
    [InlineData("target api.test", 400, "bad_request")]
    [InlineData("target api.test:0", 400, "bad_request")]
    [InlineData("target api.test:65979", 400, "bad_request")]
    [InlineData("target user@api.test:443", 400, "bad_request")]
    [InlineData("target localhost\0.api.test:443", 400, "bad_request")]
    [InlineData("target https://api.test:443", 400, "bad_request")]
    [InlineData("target /api.test:443", 400, "bad_request")]
    public async Task A_connect_that_may_not_be_is_answered_and_audited(string head, int status, string outcome)
    {
        await using var edge = await Edge.StartAsync(sessions: [Edge.SessionOf("s1", Edge.Token), Edge.SessionOf("s2", "FAKE-other")]);
        var sent = head.Split(' ', 2) switch
        {
            ["user", var user] => Workload.ConnectHead("api.test:443", user),
            ["password", var password] => Workload.ConnectHead("api.test:443", token: password),
            ["target", var target] => Workload.ConnectHead(target),
            _ => head,
        };
        var workload = await Workload.UpgradeAsync(edge);

        var answer = await workload.SendConnectAsync(sent);
        await workload.CloseAsync();
        var record = Assert.Single(await edge.StopAsync());

        Assert.Equal((status, outcome), (answer.Status, record.GetProperty("outcome").GetString()));
        Assert.Equal((status, "s1", 0), (record.GetProperty("status").GetInt32(), record.GetProperty("session").GetString(), record.GetProperty("requests").GetInt32()));
        Assert.StartsWith("fairlead: ", answer.Body, StringComparison.Ordinal);
        Assert.Equal(Encoding.UTF8.GetByteCount(answer.Body).ToString(System.Globalization.CultureInfo.InvariantCulture), answer["Content-Length"]);
        Assert.Equal(status == 407, answer["Proxy-Authenticate"] is not null);
        Audit.AuditSchema.AssertHolds(record);
    }

    [Theory]
    [InlineData("0a05616263")] // a field that is longer than its message
    [InlineData("ff")]
    [InlineData("0700")] // wire type 7
    public async Task A_bad_chunk_is_answered_with_400(string message)
    {
        await using var edge = await Edge.StartAsync();
        var (reply, stream) = await Workload.AskAsync(edge, Workload.UpgradeHeaders());
        Assert.Equal(101, reply.Status);

        // A binary frame, masked with a key of zeros.
        byte[] frame = [0x82, (byte)(0x80 | (message.Length / 2)), 0, 0, 0, 0, .. Convert.FromHexString(message)];
        await stream.WriteAsync(frame, Limits.Token);
        var tunnel = new TunnelStream(stream, TunnelEnd.Relay, peerKnowsEndOfData: true, TimeProvider.System);
        var answer = await Reply.ReadHeadAsync(tunnel);
        await tunnel.DisposeAsync();

        Assert.StartsWith("HTTP/1.1 400 ", answer, StringComparison.Ordinal);
        Assert.Equal("bad_request", Assert.Single(await edge.StopAsync()).GetProperty("outcome").GetString());
    }

    [Fact]
    public async Task A_head_that_never_ends_is_answered_with_400()
    {
        await using var edge = await Edge.StartAsync();
        var workload = await Workload.UpgradeAsync(edge);

        var answer = await workload.SendConnectAsync("CONNECT api.test:443 HTTP/1.1\r\nX: " + new string('x', Protocol.MaxHeadBytes));
        await workload.CloseAsync();

        Assert.Equal(400, answer.Status);
        Assert.Equal("bad_request", Assert.Single(await edge.StopAsync()).GetProperty("outcome").GetString());
    }

    [Theory]
    [InlineData("api.test", 443, 200)]
    [InlineData("API.TEST.", 443, 200)]
    [InlineData("127.0.0.1", 443, 403)]
    [InlineData("::1", 443, 403)]
    [InlineData("", 443, 400)]
    [InlineData("api.test", 0, 400)]
    [InlineData("api.test", -1, 400)]
    [InlineData("[::1]", 443, 400)]
    public async Task The_structured_connect_is_judged_the_same(string host, int port, int status)
    {
        await using var edge = await Edge.StartAsync();
        var (reply, stream) = await Workload.AskAsync(edge, Workload.UpgradeHeaders());
        Assert.Equal(101, reply.Status);
        var message = new UpstreamProxyChunk { IsConnect = true, Host = host, Port = port }.ToByteArray();

        await stream.WriteAsync((byte[])[0x82, (byte)(0x80 | message.Length), 0, 0, 0, 0, .. message], Limits.Token);
        var tunnel = new TunnelStream(stream, TunnelEnd.Relay, peerKnowsEndOfData: true, TimeProvider.System);
        var answer = await Reply.ReadHeadAsync(tunnel);
        await tunnel.DisposeAsync();
        await edge.StopAsync();

        Assert.StartsWith($"HTTP/1.1 {status} ", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_head_in_crumbs_is_a_head_and_what_comes_behind_it_is_the_tunnels()
    {
        using var ca = new OriginCa();
        await using var origin = await Origin.StartAsync(ca);
        await using var edge = await Edge.StartAsync(origin, ca);
        var workload = await Workload.UpgradeAsync(edge);
        foreach (var b in Encoding.Latin1.GetBytes(Workload.ConnectHead("api.test:443"))) await workload.Tunnel.WriteAsync((byte[])[b], Limits.Token);
        Assert.Equal(200, (await workload.ReadAnswerAsync()).Status);
        await workload.StartTlsAsync("api.test", await edge.RootAsync(), SslApplicationProtocol.Http11);

        Assert.Equal(200, (await workload.GetAsync()).Status);

        await workload.CloseAsync();
        Assert.Equal(["completed", "completed"], Outcomes(await edge.StopAsync()));
    }

    [Theory]
    [InlineData("other.test")]
    [InlineData("www.api.test")]
    [InlineData("api.test.evil.test")]
    [InlineData("test")]
    public async Task Another_server_name_than_the_connects_is_refused(string serverName)
    {
        using var ca = new OriginCa();
        await using var origin = await Origin.StartAsync(ca);
        await using var edge = await Edge.StartAsync(new Dictionary<string, IPEndPoint> { ["api.test"] = origin.EndPoint, [serverName] = origin.EndPoint }, ca);
        var workload = await Workload.ConnectAsync(edge);

        await Assert.ThrowsAnyAsync<Exception>(async () => await workload.StartTlsAsync(serverName, await edge.RootAsync(), SslApplicationProtocol.Http11));
        await workload.DisposeAsync();
        var record = Assert.Single(await edge.StopAsync());

        Assert.Equal("server_name_mismatch", record.GetProperty("outcome").GetString());
        Assert.Contains(serverName, record.GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.Equal(0, origin.Connections);
    }

    [Fact]
    public async Task A_host_that_the_ca_may_not_sign_for_fails_in_tls_and_is_told()
    {
        Assert.True(NameConstraints.TryCreate(["api.test"], out var permitted, out _));
        await using var edge = await Edge.StartAsync(ca: new CaOptions { Permitted = permitted });
        await (await Workload.OpenAsync(edge, "www.api.test")).CloseAsync();
        var workload = await Workload.ConnectAsync(edge, "other.test:443");

        await Assert.ThrowsAnyAsync<Exception>(async () => await workload.StartTlsAsync("other.test", await edge.RootAsync(), SslApplicationProtocol.Http11));
        var notice = await FirstNoticeAsync(workload);
        await workload.DisposeAsync();
        var record = (await edge.StopAsync())[^1];

        Assert.Equal((NoticeKind.Gateway, "other.test:443", "the gateway's CA may not sign for other.test."), (notice.Kind, notice.Host, notice.Message));
        Assert.Equal(("tls_failed", "the gateway's CA may not sign for other.test."), (record.GetProperty("outcome").GetString(), record.GetProperty("detail").GetString()));
        Audit.AuditSchema.AssertHolds(record);
    }

    [Fact]
    public async Task Hosts_that_policy_never_allows_are_explained_inside_up_to_a_limit()
    {
        await using var edge = await Edge.StartAsync(sessions: [Edge.SessionOf("s1", Edge.Token, ["allow * api.test"])]);
        var root = await edge.RootAsync();
        Notice? notice = null;
        for (var i = 0; notice is null; i++)
        {
            Assert.True(i < 1000);
            var workload = await Workload.ConnectAsync(edge, $"h{i}.test:443");
            try
            {
                await workload.StartTlsAsync($"h{i}.test", root, SslApplicationProtocol.Http11);
                if (i == 0) Assert.Equal(403, (await workload.GetAsync(host: "h0.test")).Status);
            }
            catch (Exception e) when (e is IOException or AuthenticationException)
            {
                Assert.True(i >= LeafCertificates.AtOnceForRefused);
                notice = await FirstNoticeAsync(workload);
            }

            await workload.DisposeAsync();
        }

        // Nobody else is touched by it, nor the hosts that the session may use.
        await (await Workload.OpenAsync(edge)).CloseAsync();
        var records = await edge.StopAsync();

        Assert.StartsWith("the session asks for too many hosts that its policy never allows", notice.Message, StringComparison.Ordinal);
        Assert.Contains(records, r => r.TryGetProperty("detail", out var detail) && detail.GetString() == notice.Message);
    }

    [Fact]
    public async Task With_a_ca_for_each_session_the_endpoint_asks_who_it_is_and_each_trusts_its_own()
    {
        await using var edge = await Edge.StartAsync(sessions: [Edge.SessionOf("s1", Edge.Token), Edge.SessionOf("s2", "FAKE-other")], ca: new CaOptions { PerSession = true });
        var (refused, stream) = await Workload.AskAsync(edge, "", Protocol.CaCertificatePath);
        await stream.DisposeAsync();
        var (mine, theirs) = (await RootOfAsync(Edge.Token), await RootOfAsync("FAKE-other"));

        Assert.Equal((401, "Bearer"), (refused.Status, refused["WWW-Authenticate"]));
        Assert.Contains("each session has a CA of its own", refused.Body, StringComparison.Ordinal);
        Assert.NotEqual(mine.Subject, theirs.Subject);
        Assert.Equal(mine.RawData, (await RootOfAsync(Edge.Token)).RawData);
        var own = await Workload.ConnectAsync(edge);
        await own.StartTlsAsync(Edge.Host, mine, SslApplicationProtocol.Http11);
        await own.CloseAsync();
        var foreign = await Workload.ConnectAsync(edge, session: "s2", token: "FAKE-other");
        await Assert.ThrowsAsync<AuthenticationException>(() => foreign.StartTlsAsync(Edge.Host, mine, SslApplicationProtocol.Http11));
        await foreign.DisposeAsync();
        Assert.Equal(2, Directory.GetDirectories(edge.CaFolder, "session-*").Length);
        Assert.All(Directory.GetFiles(edge.CaFolder, "*.key", SearchOption.AllDirectories), key => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(key)));

        async Task<X509Certificate2> RootOfAsync(string token)
        {
            var (reply, connection) = await Workload.AskAsync(edge, $"Authorization: Bearer {token}\r\n", Protocol.CaCertificatePath);
            await connection.DisposeAsync();
            return X509Certificate2.CreateFromPem(reply.Body);
        }
    }

    [Fact]
    public async Task A_session_whose_key_cannot_be_used_gets_no_ca_and_no_leaf_and_the_audit_says_why()
    {
        await using var edge = await Edge.StartAsync(ca: new CaOptions { PerSession = true });
        File.WriteAllText(CertificateAuthorities.DirectoryOf(edge.CaFolder, "s1"), "in the way");

        var (refused, stream) = await Workload.AskAsync(edge, $"Authorization: Bearer {Edge.Token}\r\n", Protocol.CaCertificatePath);
        await stream.DisposeAsync();
        var workload = await Workload.ConnectAsync(edge);
        using var ca = new OriginCa();
        await Assert.ThrowsAnyAsync<Exception>(() => workload.StartTlsAsync(Edge.Host, ca.Root, SslApplicationProtocol.Http11));
        await workload.DisposeAsync();

        Assert.Equal((503, "fairlead-gateway: the CA of this session cannot be used; the gateway's log says why\n"), (refused.Status, refused.Body));
        Assert.Contains("the signer cannot use the key of session 's1'", Assert.Single(await edge.StopAsync()).GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    private static async Task<Notice> FirstNoticeAsync(Workload workload)
    {
        // It comes before the end of the tunnel, behind whatever TLS says.
        await ReadWhatComesAsync(workload.Tunnel);
        return Assert.Single(workload.Notices);
    }

    [Fact]
    public async Task No_server_name_gets_the_leaf_of_the_connect()
    {
        using var ca = new OriginCa();
        await using var origin = await Origin.StartAsync(ca);
        await using var edge = await Edge.StartAsync(new Dictionary<string, IPEndPoint> { ["192.0.2.7"] = origin.EndPoint }, ca);
        var workload = await Workload.ConnectAsync(edge, "192.0.2.7:443");
        Assert.Equal(200, workload.Answer.Status);

        // An address is asked for without a name, and its leaf names the address.
        await workload.StartTlsAsync("192.0.2.7", await edge.RootAsync(), SslApplicationProtocol.Http11);
        var reply = await workload.GetAsync(host: "192.0.2.7");
        await workload.CloseAsync();

        Assert.Equal(502, reply.Status); // the origin's certificate is for 127.0.0.1
        Assert.Contains("is not for 192.0.2.7 but for 127.0.0.1", reply.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Plain_bytes_instead_of_tls_close_the_tunnel()
    {
        await using var edge = await Edge.StartAsync();
        var workload = await Workload.ConnectAsync(edge);

        await workload.Tunnel.WriteAsync("GET / HTTP/1.1\r\nHost: api.test\r\n\r\n"u8.ToArray(), Limits.Token);
        var said = await ReadWhatComesAsync(workload.Tunnel);
        await workload.DisposeAsync();
        var record = Assert.Single(await edge.StopAsync());

        Assert.DoesNotContain("HTTP/", said, StringComparison.Ordinal);
        Assert.Equal("tls_failed", record.GetProperty("outcome").GetString());
    }

    [Fact]
    public async Task A_tool_that_does_not_trust_the_ca_leaves_a_record()
    {
        using var ca = new OriginCa();
        await using var edge = await Edge.StartAsync();
        var workload = await Workload.ConnectAsync(edge);

        await Assert.ThrowsAsync<AuthenticationException>(() => workload.StartTlsAsync("api.test", ca.Root, SslApplicationProtocol.Http11));
        await workload.DisposeAsync();

        var record = Assert.Single(await edge.StopAsync());
        Assert.Contains(record.GetProperty("outcome").GetString(), new[] { "tls_failed", "client_aborted" });
    }

    [Fact]
    public async Task A_relay_that_leaves_before_its_connect_leaves_a_record()
    {
        await using var edge = await Edge.StartAsync();
        var workload = await Workload.UpgradeAsync(edge);

        await workload.DisposeAsync();

        var record = Assert.Single(await edge.StopAsync());
        Assert.Equal(("client_aborted", 0), (record.GetProperty("outcome").GetString(), record.GetProperty("status").GetInt32()));
        Audit.AuditSchema.AssertHolds(record);
    }

    [Fact]
    public async Task A_second_connect_inside_the_tunnel_ends_it()
    {
        await using var edge = await Edge.StartAsync();
        var (_, stream) = await Workload.AskAsync(edge, Workload.UpgradeHeaders());
        var message = new UpstreamProxyChunk { IsConnect = true, Host = "api.test", Port = 443 }.ToByteArray();
        byte[] frame = [0x82, (byte)(0x80 | message.Length), 0, 0, 0, 0, .. message];
        await stream.WriteAsync(frame, Limits.Token);
        var tunnel = new TunnelStream(stream, TunnelEnd.Relay, peerKnowsEndOfData: true, TimeProvider.System);
        Assert.StartsWith("HTTP/1.1 200 ", await Reply.ReadHeadAsync(tunnel), StringComparison.Ordinal);

        await stream.WriteAsync(frame, Limits.Token);
        await ReadWhatComesAsync(tunnel);
        await tunnel.DisposeAsync();

        Assert.Equal("bad_request", Assert.Single(await edge.StopAsync()).GetProperty("outcome").GetString());
    }

    private static async Task<string> ReadWhatComesAsync(TunnelStream tunnel)
    {
        try
        {
            return await Reply.ReadToEndAsync(tunnel);
        }
        catch (TunnelAbortedException)
        {
            return "";
        }
    }

    private static IEnumerable<string?> Outcomes(JsonElement[] audit) => audit.Select(r => r.GetProperty("outcome").GetString());
}
