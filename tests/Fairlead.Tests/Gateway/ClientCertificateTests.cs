using System.Collections.Concurrent;
using System.Security.Cryptography.X509Certificates;
using Fairlead.Gateway.Credentials;
using Fairlead.Gateway.Sessions;
using Microsoft.AspNetCore.Http;

namespace Fairlead.Tests.Gateway;

/// <summary>Who is shown the certificate of a session, by servers that ask every client for one.</summary>
public sealed class ClientCertificateTests : IAsyncLifetime
{
    private readonly TempFolder _folder = new();
    private readonly OriginCa _ca = new();
    private readonly OriginCa _clients = new("CN=Clients");
    private readonly ConcurrentQueue<string?> _shown = new();
    private Origin _origin = null!;

    public async ValueTask InitializeAsync() => _origin = await Origin.StartAsync(_ca, context => context.Response.WriteAsync(context.Connection.ClientCertificate?.Thumbprint ?? "nobody"), shown: c => _shown.Enqueue(c?.Thumbprint));

    public async ValueTask DisposeAsync()
    {
        await _origin.DisposeAsync();
        _ca.Dispose();
        _clients.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_host_that_the_certificate_is_bound_to_is_shown_it(bool http2)
    {
        var (certificate, thumbprint) = Issue("one");
        await using var edge = await StartAsync(_ca, [Of(certificate)]);
        var workload = await Workload.OpenAsync(edge, http2: http2);

        var answer = await workload.Client().GetStringAsync("https://api.test/", Limits.Token);
        await workload.CloseAsync();

        Assert.Equal(thumbprint, answer);
        Assert.Equal("mtls", (await edge.StopAsync()).First(r => r.GetProperty("type").GetString() == "request").GetProperty("credentials")[0].GetString());
    }

    [Fact]
    public async Task No_other_host_is_and_no_other_session()
    {
        var (certificate, _) = Issue("one");
        await using var edge = await StartAsync(_ca, [Of(certificate)], Edge.SessionOf("s2", "FAKE-token-2"));
        var elsewhere = await Workload.OpenAsync(edge, host: "other.test");
        var another = await Workload.OpenAsync(edge, session: "s2", token: "FAKE-token-2");

        var replies = new[] { await elsewhere.GetAsync(host: "other.test"), await another.GetAsync() };
        await elsewhere.CloseAsync();
        await another.CloseAsync();

        Assert.All(replies, r => Assert.Equal(502, r.Status));
        Assert.NotEmpty(_shown);
        Assert.All(_shown, Assert.Null);
    }

    [Fact]
    public async Task No_session_resumes_the_TLS_of_one_that_showed_it()
    {
        var (certificate, thumbprint) = Issue("one");
        await using var edge = await StartAsync(_ca, [Of(certificate)], Edge.SessionOf("s2", "FAKE-token-2"));
        var with = await Workload.OpenAsync(edge);
        var without = await Workload.OpenAsync(edge, session: "s2", token: "FAKE-token-2");

        var shown = await with.GetAsync();
        var refused = await without.GetAsync();
        // Nor does the same session, once it has it no more.
        edge.Apply(Edge.SessionOf("s1", Edge.Token), Edge.SessionOf("s2", "FAKE-token-2"));
        var taken = await with.GetAsync();
        await with.CloseAsync();
        await without.CloseAsync();

        Assert.Equal((200, thumbprint), (shown.Status, shown.Body));
        Assert.Equal((502, 502), (refused.Status, taken.Status));
    }

    [Fact]
    public async Task A_server_that_is_not_trusted_gets_no_request()
    {
        using var other = new OriginCa("CN=Another");
        var (certificate, _) = Issue("one");
        await using var edge = await StartAsync(other, [Of(certificate)]);
        var workload = await Workload.OpenAsync(edge);

        var reply = await workload.GetAsync();
        await workload.CloseAsync();

        Assert.Equal(502, reply.Status);
        Assert.Empty(_origin.Requests);
    }

    [Fact]
    public async Task A_changed_certificate_is_shown_from_the_next_request_on_and_no_connection_of_the_old_one_is_used()
    {
        var (first, before) = Issue("one");
        var (second, after) = Issue("two");
        await using var edge = await StartAsync(_ca, [Of(first)]);
        var workload = await Workload.OpenAsync(edge);

        var answers = new List<string> { (await workload.GetAsync()).Body, (await workload.GetAsync()).Body };
        edge.Apply(Edge.SessionOf("s1", Edge.Token, credentials: [Of(second)]));
        answers.Add((await workload.GetAsync()).Body);
        edge.Apply(Edge.SessionOf("s1", Edge.Token, credentials: [Of(Issue("two").Certificate), Edge.CredentialOf("more", "X-More", "FAKE-more")]));
        edge.Apply(Edge.SessionOf("s1", Edge.Token, credentials: [Of(second), Edge.CredentialOf("more", "X-More", "FAKE-more")]));
        answers.Add((await workload.GetAsync()).Body);
        await workload.CloseAsync();

        Assert.Equal([before, before, after, after], answers);
        // The same certificate again is no change.
        Assert.Equal([0, 0, 1, 1], Ordinals(_origin.Requests.Select(r => r.Connection)));
    }

    [Fact]
    public async Task A_WebSocket_is_opened_with_it()
    {
        var thumbprint = "";
        await using var origin = await Origin.StartAsync(
            _ca,
            async context =>
            {
                thumbprint = context.Connection.ClientCertificate!.Thumbprint;
                var stream = await context.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpUpgradeFeature>()!.UpgradeAsync();
                await stream.WriteAsync("upgraded"u8.ToArray());
            },
            shown: _ => { });
        var (certificate, expected) = Issue("one");
        await using var edge = await Edge.StartAsync(origin, _ca, Edge.SessionOf("s1", Edge.Token, credentials: [Of(certificate)]));
        var workload = await Workload.OpenAsync(edge);

        var reply = await workload.SendAsync("GET / HTTP/1.1\r\nHost: api.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", hasBody: false);
        var buffer = new byte[8];
        await workload.Tls.ReadExactlyAsync(buffer, Limits.Token);
        await workload.DisposeAsync();

        Assert.Equal((101, expected), (reply.Status, thumbprint));
    }

    [Fact]
    public async Task One_that_has_expired_is_not_shown_and_the_answer_says_why()
    {
        var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        var (certificate, _) = Issue("one", time);
        time.Advance(TimeSpan.FromHours(2));
        await using var edge = await StartAsync(_ca, [Of(certificate)]);
        var workload = await Workload.OpenAsync(edge);

        var reply = await workload.GetAsync();
        await workload.CloseAsync();

        Assert.Equal(502, reply.Status);
        Assert.Contains("the credential 'mtls' cannot be had: the certificate expired on ", reply.Body, StringComparison.Ordinal);
        Assert.Equal(0, _origin.Connections);
    }

    [Fact]
    public void What_cannot_be_used_is_told()
    {
        var (one, two) = (Write("one"), Write("two"));

        Assert.Contains("expected a certificate in", Assert.Throws<InvalidDataException>(() => ClientCertificate.Read(one.Certificate, two.Key, TimeProvider.System)).Message, StringComparison.Ordinal);
        Assert.Contains("expected a certificate in", Assert.Throws<InvalidDataException>(() => ClientCertificate.Read(one.Key, one.Key, TimeProvider.System)).Message, StringComparison.Ordinal);
        File.SetUnixFileMode(one.Key, UnixFileMode.UserRead | UnixFileMode.GroupRead);
        Assert.Contains("expected mode 0600 on", Assert.Throws<InvalidDataException>(() => ClientCertificate.Read(one.Certificate, one.Key, TimeProvider.System)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(OriginCa.ClientAuth, 1, "the certificate expires on")]
    [InlineData(OriginCa.ClientAuth, 24 * 30, null)]
    [InlineData(OriginCa.ServerAuth, 24 * 30, "the certificate is not for TLS clients")]
    public void What_an_operator_should_know_is_told(string usage, int hours, string? warning)
    {
        var files = Write("one", hours: hours, usage: usage);

        var told = ClientCertificate.Read(files.Certificate, files.Key, TimeProvider.System).Warning;

        Assert.StartsWith(warning ?? "", told ?? "", StringComparison.Ordinal);
        Assert.Equal(warning is null, told is null);
    }

    private Task<Edge> StartAsync(OriginCa trusted, Credential[] credentials, params Session[] others) => Edge.StartAsync(
        new Dictionary<string, System.Net.IPEndPoint> { [Edge.Host] = _origin.EndPoint, ["other.test"] = _origin.EndPoint },
        trusted,
        [Edge.SessionOf("s1", Edge.Token, credentials: credentials), .. others]);

    private static Credential Of(ClientCertificate certificate) => new("mtls", [], [Edge.HostOf(Edge.Host)]) { Certificate = certificate };

    private (ClientCertificate Certificate, string Thumbprint) Issue(string name, TimeProvider? time = null)
    {
        var (file, key) = Write(name);
        using var leaf = X509CertificateLoader.LoadCertificateFromFile(file);
        return (ClientCertificate.Read(file, key, time ?? TimeProvider.System), leaf.Thumbprint);
    }

    private (string Certificate, string Key) Write(string name, int hours = 1, string usage = OriginCa.ClientAuth)
    {
        using var issued = _clients.Issue(name, notAfter: TimeProvider.System.GetUtcNow().AddHours(hours), usage: usage);
        using var key = issued.GetECDsaPrivateKey()!;
        var keyFile = _folder.Write(name + ".key", key.ExportPkcs8PrivateKeyPem());
        File.SetUnixFileMode(keyFile, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return (_folder.Write(name + ".pem", issued.ExportCertificatePem() + "\n" + _clients.Root.ExportCertificatePem()), keyFile);
    }

    private static int[] Ordinals(IEnumerable<string> values)
    {
        var known = new List<string>();
        return [.. values.Select(v =>
        {
            if (!known.Contains(v)) known.Add(v);
            return known.IndexOf(v);
        })];
    }
}
