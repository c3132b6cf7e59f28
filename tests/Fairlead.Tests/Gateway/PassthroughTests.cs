using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text.Json;
using Fairlead.Tests.Gateway.Interception;
using Fairlead.Wire;

namespace Fairlead.Tests.Gateway;

/// <summary>Tunnels whose TLS is the workload's and the upstream's own.</summary>
public sealed class PassthroughTests : IAsyncLifetime
{
    private const string Host = "pinned.test";
    private readonly OriginCa _ca = new();
    private Origin _origin = null!;

    public async ValueTask InitializeAsync() => _origin = await Origin.StartAsync(_ca);

    public async ValueTask DisposeAsync()
    {
        await _origin.DisposeAsync();
        _ca.Dispose();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_workload_sees_the_upstreams_own_certificate_and_the_audit_has_the_tunnel(bool http2)
    {
        await using var edge = await StartAsync(_origin.EndPoint);
        var workload = await ConnectAsync(edge);
        await workload.StartTlsAsync(Host, _ca.Root, http2 ? SslApplicationProtocol.Http2 : SslApplicationProtocol.Http11);
        var client = workload.Client();

        var said = await client.GetStringAsync(new Uri($"https://{Host}/inside?x=1"), Limits.Token);
        await workload.CloseAsync();
        var record = Assert.Single(await edge.StopAsync());

        Assert.Equal("from the origin", said);
        Assert.Equal(http2 ? "HTTP/2" : "HTTP/1.1", Assert.Single(_origin.Requests).Protocol);
        Assert.Equal(("tunnel", "completed", 200, 0), (Text(record, "type"), Text(record, "outcome"), record.GetProperty("status").GetInt32(), record.GetProperty("requests").GetInt32()));
        var passthrough = record.GetProperty("passthrough");
        Assert.Equal(("p", "allow", $"allow * {Host}", 16), (Text(passthrough, "policy"), Text(passthrough, "decision"), Text(passthrough, "rule"), Text(passthrough, "policy_hash").Length));
        Assert.True(record.GetProperty("bytes_in").GetInt64() > 100 && record.GetProperty("bytes_out").GetInt64() > 500);
        Audit.AuditSchema.AssertHolds(record);
        Assert.Empty(workload.Notices);
    }

    [Fact]
    public async Task A_host_that_a_rule_may_refuse_is_intercepted_and_the_refusal_explained()
    {
        await using var edge = await StartAsync(_origin.EndPoint, $"allow * {Host}", $"deny * {Host}/admin");
        var workload = await Workload.OpenAsync(edge, Host);

        var refused = await workload.GetAsync("/admin", host: Host);
        var passed = await workload.GetAsync("/", host: Host);
        await workload.CloseAsync();

        Assert.Equal((403, 200), (refused.Status, passed.Status));
    }

    public static TheoryData<byte[], byte, string, string> Foreign => new()
    {
        { ClientHelloTests.For("other.test"), 112, "server_name_mismatch", "the tool asked by TLS for 'other.test'" },
        { ClientHelloTests.For("pinned.test.evil.test"), 112, "server_name_mismatch", "the tool asked by TLS for 'pinned.test.evil.test'" },
        { ClientHelloTests.For("a.pinned.test"), 112, "server_name_mismatch", "the tool asked by TLS for 'a.pinned.test'" },
        { ClientHelloTests.For("192.0.2.7"), 112, "server_name_mismatch", "the tool asked by TLS for '192.0.2.7'" },
        { ClientHelloTests.For(null), 112, "server_name_mismatch", "the tool asked by TLS for no server name, expected pinned.test" },
        { ClientHelloTests.For(Host, 0xfe, 0x0d, 0, 1, 0), 49, "server_name_mismatch", "the ClientHello can hide a second server name (Encrypted ClientHello)" },
        { "GET / HTTP/1.1\r\nHost: pinned.test\r\n\r\n"u8.ToArray(), 50, "tls_failed", "no TLS was begun: expected a TLS handshake record (22), got 71" },
        { [22, 3, 1, 0, 4, 2, 0, 0, 0], 50, "tls_failed", "no TLS was begun: expected a ClientHello (1), got message 2" },
    };

    [Theory]
    [MemberData(nameof(Foreign), DisableDiscoveryEnumeration = true)]
    public async Task Another_name_than_the_connects_reaches_nobody(byte[] hello, byte alert, string outcome, string detail)
    {
        await using var edge = await StartAsync(_origin.EndPoint);
        var workload = await ConnectAsync(edge);

        await workload.Tunnel.WriteAsync(hello, Limits.Token);
        var answer = await ReadToEndAsync(workload.Tunnel);
        await workload.CloseAsync();
        var record = Assert.Single(await edge.StopAsync());

        Assert.Equal([21, 3, 3, 0, 2, 2, alert], answer);
        Assert.Equal((outcome, detail), (Text(record, "outcome"), Text(record, "detail")));
        Assert.False(record.TryGetProperty("passthrough", out _));
        Assert.StartsWith(detail, Assert.Single(workload.Notices).Message, StringComparison.Ordinal);
        Assert.Equal(0, _origin.Connections);
        Audit.AuditSchema.AssertHolds(record);
    }

    [Theory]
    [InlineData("PINNED.test")]
    [InlineData("pinned.test")]
    public async Task The_same_name_in_another_spelling_is_the_same(string name)
    {
        await using var origin = new RawOrigin(async stream => await stream.WriteAsync("hello to you"u8.ToArray(), Limits.Token));
        await using var edge = await StartAsync(origin.EndPoint);
        var workload = await ConnectAsync(edge);

        await workload.Tunnel.WriteAsync(ClientHelloTests.For(name), Limits.Token);

        Assert.Equal("hello to you"u8.ToArray(), await ReadToEndAsync(workload.Tunnel));
        await workload.CloseAsync();
    }

    [Fact]
    public async Task A_literal_address_needs_no_name()
    {
        await using var edge = await Edge.StartAsync(originCa: _ca, sessions:
            [Edge.SessionOf("s1", Edge.Token, [$"allow * 127.0.0.1:{_origin.EndPoint.Port}"], addresses: ["127.0.0.1"], passthrough: [$"127.0.0.1:{_origin.EndPoint.Port}"])]);
        var workload = await Workload.ConnectAsync(edge, $"127.0.0.1:{_origin.EndPoint.Port}");
        await workload.StartTlsAsync("127.0.0.1", _ca.Root, SslApplicationProtocol.Http11);

        var reply = await workload.GetAsync(host: "127.0.0.1");
        await workload.CloseAsync();

        Assert.Equal("from the origin", reply.Body);
    }

    [Fact]
    public async Task The_hello_is_whole_before_anything_is_dialled_in_whatever_crumbs_it_comes()
    {
        await using var origin = new RawOrigin(async stream => await stream.CopyToAsync(stream, Limits.Token));
        await using var edge = await StartAsync(origin.EndPoint);
        var workload = await ConnectAsync(edge);
        var hello = ClientHelloTests.For(Host);

        foreach (var crumb in hello[..^1]) await workload.Tunnel.WriteAsync((byte[])[crumb], Limits.Token);
        Assert.Equal(0, origin.Connections);
        await workload.Tunnel.WriteAsync((byte[])[hello[^1], .. "early data"u8], Limits.Token);
        await workload.Tunnel.EndWriteAsync(Limits.Token);

        byte[] echoed = [.. hello, .. "early data"u8];
        Assert.Equal(echoed, await ReadToEndAsync(workload.Tunnel));
        await workload.CloseAsync();
        Assert.Equal("completed", Text(Assert.Single(await edge.StopAsync()), "outcome"));
    }

    [Fact]
    public async Task Each_direction_has_its_own_end_and_a_reader_that_does_not_read_stops_the_writer()
    {
        const int bytes = 48 * 1024 * 1024;
        var read = new TaskCompletionSource();
        await using var origin = new RawOrigin(async stream =>
        {
            await read.Task;
            await stream.WriteAsync(await SHA256.HashDataAsync(stream, Limits.Token), Limits.Token);
        });
        await using var edge = await StartAsync(origin.EndPoint);
        var workload = await ConnectAsync(edge);
        byte[] data = [.. ClientHelloTests.For(Host), .. RandomNumberGenerator.GetBytes(bytes)];

        var writing = workload.Tunnel.WriteAsync(data, Limits.Token).AsTask();
        var seen = -1L;
        while (seen != workload.Tunnel.BytesWritten)
        {
            seen = workload.Tunnel.BytesWritten;
            await Task.Delay(TimeSpan.FromMilliseconds(500), Limits.Token);
        }

        Assert.False(writing.IsCompleted, $"{seen} bytes were taken that nobody has read");
        read.SetResult();
        await writing;
        await workload.Tunnel.EndWriteAsync(Limits.Token);
        Assert.Equal(SHA256.HashData(data), await ReadToEndAsync(workload.Tunnel));
        await workload.CloseAsync();
        var record = Assert.Single(await edge.StopAsync());
        Assert.Equal(("completed", (long)data.Length), (Text(record, "outcome"), record.GetProperty("bytes_in").GetInt64() - Workload.ConnectHead($"{Host}:443").Length));
    }

    [Fact]
    public async Task An_upstream_that_cannot_be_reached_cuts_the_tunnel_and_is_told()
    {
        using var free = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        free.Bind(new IPEndPoint(IPAddress.Loopback, 0)); // bound and not listening: nobody else takes the port
        await using var edge = await StartAsync((IPEndPoint)free.LocalEndPoint!);
        var workload = await ConnectAsync(edge);

        await workload.Tunnel.WriteAsync(ClientHelloTests.For(Host), Limits.Token);

        await Assert.ThrowsAsync<TunnelAbortedException>(() => ReadToEndAsync(workload.Tunnel));
        var notice = Assert.Single(workload.Notices);
        Assert.Equal((NoticeKind.Connect, $"{Host}:443"), (notice.Kind, notice.Host));
        Assert.Contains("connecting to pinned.test:443 (127.0.0.1) failed", notice.Message, StringComparison.Ordinal);
        await workload.CloseAsync();
        var record = Assert.Single(await edge.StopAsync());
        Assert.Equal(("upstream_connect", 200), (Text(record, "outcome"), record.GetProperty("status").GetInt32()));
        Assert.True(record.TryGetProperty("passthrough", out _));
        Audit.AuditSchema.AssertHolds(record);
    }

    [Fact]
    public async Task A_name_with_a_private_address_is_not_reached_this_way_either()
    {
        await using var edge = await Edge.StartAsync(sessions: [Edge.SessionOf("s1", Edge.Token, ["allow * localhost"], passthrough: ["localhost"])]);
        var workload = await Workload.ConnectAsync(edge, "localhost:443");

        await workload.Tunnel.WriteAsync(ClientHelloTests.For("localhost"), Limits.Token);

        await Assert.ThrowsAsync<TunnelAbortedException>(() => ReadToEndAsync(workload.Tunnel));
        // A resolver may know nothing of "localhost.".
        Assert.Contains(Assert.Single(workload.Notices).Kind, new[] { NoticeKind.Address, NoticeKind.Dns, NoticeKind.Timeout });
        await workload.CloseAsync();
    }

    [Fact]
    public async Task What_an_upstream_breaks_off_does_not_look_whole()
    {
        await using var origin = new RawOrigin(async stream =>
        {
            await stream.ReadExactlyAsync(new byte[ClientHelloTests.For(Host).Length], Limits.Token);
            await stream.WriteAsync("half"u8.ToArray(), Limits.Token);
            ((NetworkStream)stream).Socket.LingerState = new LingerOption(enable: true, seconds: 0);
            ((NetworkStream)stream).Socket.Close();
        });
        await using var edge = await StartAsync(origin.EndPoint);
        var workload = await ConnectAsync(edge);

        await workload.Tunnel.WriteAsync(ClientHelloTests.For(Host), Limits.Token);

        await Assert.ThrowsAsync<TunnelAbortedException>(() => ReadToEndAsync(workload.Tunnel));
        await workload.CloseAsync();
        Assert.Equal("upstream_aborted", Text(Assert.Single(await edge.StopAsync()), "outcome"));
    }

    [Fact]
    public async Task What_a_workload_breaks_off_does_not_look_whole_to_the_upstream()
    {
        var ended = new TaskCompletionSource<Exception?>();
        await using var origin = new RawOrigin(async stream => ended.SetResult(await Record.ExceptionAsync(() => stream.CopyToAsync(stream, Limits.Token))));
        await using var edge = await StartAsync(origin.EndPoint);
        var workload = await ConnectAsync(edge);
        await workload.Tunnel.WriteAsync(ClientHelloTests.For(Host), Limits.Token);
        await workload.Tunnel.ReadExactlyAsync(new byte[5], Limits.Token);

        await workload.DisposeAsync(); // no close frame

        Assert.IsType<IOException>(await ended.Task.WaitAsync(Limits.Token), exactMatch: false);
        Assert.Equal("client_aborted", Text(Assert.Single(await edge.StopAsync()), "outcome"));
    }

    [Theory]
    [InlineData("session")]
    [InlineData("policy")]
    [InlineData("addresses")]
    public async Task A_change_that_takes_the_way_away_cuts_the_tunnel(string change)
    {
        await using var origin = new RawOrigin(async stream => await stream.CopyToAsync(stream, Limits.Token));
        await using var edge = await StartAsync(origin.EndPoint);
        var workload = await ConnectAsync(edge);
        await workload.Tunnel.WriteAsync(ClientHelloTests.For(Host), Limits.Token);
        await workload.Tunnel.ReadExactlyAsync(new byte[ClientHelloTests.For(Host).Length], Limits.Token);

        // The same again changes nothing.
        edge.Apply(SessionOf($"allow * {Host}"));
        await workload.Tunnel.WriteAsync("again"u8.ToArray(), Limits.Token);
        await workload.Tunnel.ReadExactlyAsync(new byte[5], Limits.Token);
        edge.Apply(change switch
        {
            "session" => Edge.SessionOf("s2", "FAKE-other"),
            "policy" => SessionOf($"allow GET {Host}"),
            _ => Edge.SessionOf("s1", Edge.Token, [$"allow * {Host}"], addresses: ["10.0.0.0/8"], passthrough: [Host]),
        });
        if (change != "session") await workload.Tunnel.WriteAsync("never"u8.ToArray(), Limits.Token);

        await Assert.ThrowsAsync<TunnelAbortedException>(() => ReadToEndAsync(workload.Tunnel));
        await workload.CloseAsync();
        var record = Assert.Single(await edge.StopAsync());
        Assert.Equal(change == "session" ? "session_revoked" : "gateway_aborted", Text(record, "outcome"));
    }

    [Fact]
    public async Task What_is_cut_with_its_session_does_not_look_whole_to_the_upstream()
    {
        var ended = new TaskCompletionSource<Exception?>();
        await using var origin = new RawOrigin(async stream => ended.SetResult(await Record.ExceptionAsync(() => stream.CopyToAsync(stream, Limits.Token))));
        await using var edge = await StartAsync(origin.EndPoint);
        var workload = await ConnectAsync(edge);
        await workload.Tunnel.WriteAsync(ClientHelloTests.For(Host), Limits.Token);
        await workload.Tunnel.ReadExactlyAsync(new byte[5], Limits.Token);

        edge.Apply(Edge.SessionOf("s2", "FAKE-other"));

        var broken = Assert.IsType<IOException>(await ended.Task.WaitAsync(Limits.Token), exactMatch: false);
        Assert.Equal(SocketError.ConnectionReset, Assert.IsType<SocketException>(broken.InnerException).SocketErrorCode);
        await workload.CloseAsync();
        Assert.Equal("session_revoked", Text(Assert.Single(await edge.StopAsync()), "outcome"));
    }

    [Fact]
    public async Task Nothing_is_passed_through_that_cannot_be_recorded()
    {
        using var folder = new TempFolder();
        await using var disk = await SmallDisk.MountAsync(folder["disk"]);
        await using var origin = new RawOrigin(async stream => await stream.CopyToAsync(stream, Limits.Token));
        await using var edge = await Edge.StartAsync(
            new Dictionary<string, IPEndPoint> { [Host] = origin.EndPoint }, _ca, [SessionOf($"allow * {Host}")], auditFile: Path.Combine(disk.Root, "audit.jsonl"));
        disk.Fill();
        // The disk counts in pages, so some records still fit: the tunnel after the first that did not is refused.
        Workload workload;
        var dialled = 0;
        do
        {
            dialled = origin.Connections;
            workload = await ConnectAsync(edge);
            await workload.Tunnel.WriteAsync(ClientHelloTests.For(Host), Limits.Token);
            await Record.ExceptionAsync(async () => await workload.Tunnel.ReadExactlyAsync(new byte[5], Limits.Token));
            await workload.CloseAsync();
        }
        while (origin.Connections > dialled && dialled < 200);

        Assert.InRange(dialled, 0, 199);
        Assert.Contains("the audit cannot be written, so nothing is forwarded", Assert.Single(workload.Notices).Message, StringComparison.Ordinal);
        disk.Empty();
    }

    private Task<Edge> StartAsync(IPEndPoint origin, params string[] rules) =>
        Edge.StartAsync(new Dictionary<string, IPEndPoint> { [Host] = origin }, _ca, [SessionOf(rules.Length == 0 ? [$"allow * {Host}"] : rules)]);

    private static Fairlead.Gateway.Sessions.Session SessionOf(params string[] rules) => Edge.SessionOf("s1", Edge.Token, rules, passthrough: [Host]);

    private static async Task<Workload> ConnectAsync(Edge edge)
    {
        var workload = await Workload.ConnectAsync(edge, $"{Host}:443");
        Assert.Equal(200, workload.Answer.Status);
        return workload;
    }

    private static async Task<byte[]> ReadToEndAsync(Stream stream)
    {
        using var all = new MemoryStream();
        await stream.CopyToAsync(all, Limits.Token);
        return all.ToArray();
    }

    private static string Text(JsonElement record, string name) => record.GetProperty(name).GetString()!;
}
