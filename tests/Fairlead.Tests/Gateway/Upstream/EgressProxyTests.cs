using System.Net;
using System.Text;
using Fairlead.Gateway.Credentials;
using Fairlead.Gateway.Policy;
using Fairlead.Gateway.Upstream;
using Fairlead.Wire;

namespace Fairlead.Tests.Gateway.Upstream;

public sealed class EgressProxyTests : IAsyncLifetime
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
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_name_is_sent_as_a_name_and_TLS_is_verified_end_to_end(bool http2)
    {
        await using var proxy = new TestEgressProxy(_origin.EndPoint);
        await using var edge = await Edge.StartAsync(originCa: _ca, upstream: new UpstreamOptions { Proxies = [proxy.For("**")] });
        var workload = await Workload.OpenAsync(edge, http2: http2);
        var client = workload.Client();

        var said = await client.GetStringAsync(new Uri("https://api.test/through"), Limits.Token);
        await workload.CloseAsync();

        Assert.Equal("from the origin", said);
        Assert.Equal("CONNECT api.test:443 HTTP/1.1\r\nHost: api.test:443", Assert.Single(proxy.Heads).Trim());
    }

    [Fact]
    public async Task A_proxy_that_leads_elsewhere_is_found_out_by_the_certificate()
    {
        using var other = new OriginCa("CN=The Proxy's Own CA");
        await using var impostor = await Origin.StartAsync(other);
        await using var proxy = new TestEgressProxy(impostor.EndPoint);

        var failure = await Assert.ThrowsAsync<UpstreamException>(() => Dialer(proxy.For("**")).DialAsync("s1", To("api.test:443"), AddressExceptions.None, false, null, Limits.Token));

        Assert.Equal(UpstreamFailure.Tls, failure.Failure);
        Assert.Contains("'CN=The Proxy's Own CA', which no trusted root vouches for", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Credentials_go_to_the_proxy_as_Basic_and_are_in_no_message()
    {
        await using var proxy = new TestEgressProxy(_origin.EndPoint, "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
        Assert.True(Secret.TryCreate("password", "FAKE p:w", out var password, out _, out _));

        var failure = await FailureAsync(proxy.For("**") with { User = "gateway", Password = password });

        Assert.Contains($"\r\nProxy-Authorization: Basic {Convert.ToBase64String("gateway:FAKE p:w"u8)}\r\n", Assert.Single(proxy.Heads), StringComparison.Ordinal);
        Assert.DoesNotContain("FAKE", failure.Message, StringComparison.Ordinal);
        Assert.EndsWith("it does not take the credentials of upstream.proxies (407)", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n", "it wants credentials (407), and upstream.proxies gives it none")]
    [InlineData("HTTP/1.1 403 Forbidden\r\n\r\n<html>", "it refuses this destination (403)")]
    [InlineData("HTTP/1.0 502 Bad Gateway\r\n\r\n", "it could not reach the destination (502)")]
    [InlineData("HTTP/1.1 503 Service Unavailable\r\n\r\n", "it could not reach the destination (503)")]
    [InlineData("HTTP/1.1 504\r\n\r\n", "the destination did not answer it in time (504)")]
    [InlineData("HTTP/1.1 400 Bad Request\r\n\r\n", "it answered 400 to CONNECT")]
    [InlineData("HTTP/1.1 101 Switching Protocols\r\n\r\n", "it answered 101 to CONNECT")]
    [InlineData("HTTP/1.1 2000 OK\r\n\r\n", "its answer to CONNECT is not HTTP")]
    [InlineData("HTTP/1.1 +20 OK\r\n\r\n", "its answer to CONNECT is not HTTP")]
    [InlineData("HTTP/2 200 OK, then\r\n\r\n", "its answer to CONNECT is not HTTP")]
    [InlineData("SSH-2.0-OpenSSH\r\n\r\n", "its answer to CONNECT is not HTTP")]
    [InlineData("HTTP/1.1 403 For", "it broke off its answer to CONNECT")]
    [InlineData("", "it closed the connection instead of an answer to CONNECT")]
    public async Task What_a_proxy_says_instead_of_a_tunnel_is_told(string answer, string said)
    {
        await using var proxy = new TestEgressProxy(_origin.EndPoint, answer);

        var failure = await FailureAsync(proxy.For("**"));

        Assert.Equal(UpstreamFailure.Proxy, failure.Failure);
        Assert.Equal($"the gateway's proxy {proxy.Address} did not open a tunnel to api.test:443: {said}", failure.Message);
    }

    [Fact]
    public async Task Bytes_behind_the_answer_and_a_head_without_end_are_refused()
    {
        await using var eager = new TestEgressProxy(_origin.EndPoint, "HTTP/1.1 200 OK\r\n\r\nmore");
        await using var endless = new TestEgressProxy(_origin.EndPoint, $"HTTP/1.1 200 OK\r\n{new string('x', 20_000)}");

        Assert.Contains("it sent bytes behind its answer", (await FailureAsync(eager.For("**"))).Message, StringComparison.Ordinal);
        Assert.Contains("has more than 16384 bytes", (await FailureAsync(endless.For("**"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_proxy_that_never_answers_ends_at_the_limit()
    {
        await using var silent = new RawOrigin(stream => Reply.ReadToEndAsync(stream));
        Assert.True(HostPort.TryParse(silent.EndPoint.ToString(), out var address, out _));
        var options = new UpstreamOptions { Proxies = [new EgressProxy(address, [Edge.HostOf("**")])], ConnectTimeout = TimeSpan.FromMilliseconds(300) };

        var failure = await Assert.ThrowsAsync<UpstreamException>(() => new UpstreamDialer(options, new OwnListeners(), TimeProvider.System).ConnectAsync("s1", To("api.test:443"), AddressExceptions.None, Limits.Token));

        Assert.Equal(UpstreamFailure.ConnectTimeout, failure.Failure);
        Assert.EndsWith("did not open a tunnel to api.test:443 within 0.3 s", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_first_entry_that_is_about_a_host_decides()
    {
        await using var one = new TestEgressProxy(_origin.EndPoint);
        await using var two = new TestEgressProxy(_origin.EndPoint);
        var dialer = Dialer(one.For("*.one.test"), new EgressProxy(null, [Edge.HostOf("localhost")]), two.For("**"));

        await (await dialer.ConnectAsync("s1", To("a.one.test:443"), AddressExceptions.None, Limits.Token)).DisposeAsync();
        await (await dialer.ConnectAsync("s1", To("b.two.test:443"), AddressExceptions.None, Limits.Token)).DisposeAsync();
        // Direct, and so resolved and judged here.
        var direct = await Assert.ThrowsAsync<UpstreamException>(() => dialer.ConnectAsync("s1", To("localhost:443"), AddressExceptions.None, Limits.Token));

        Assert.StartsWith("CONNECT a.one.test:443 ", Assert.Single(one.Heads), StringComparison.Ordinal);
        Assert.StartsWith("CONNECT b.two.test:443 ", Assert.Single(two.Heads), StringComparison.Ordinal);
        Assert.NotEqual(UpstreamFailure.Proxy, direct.Failure);
    }

    [Theory]
    [InlineData("169.254.169.254:443")]
    [InlineData("10.0.0.1:443")]
    [InlineData("[::1]:443")]
    public async Task A_literal_address_is_guarded_before_the_proxy_hears_of_it(string destination)
    {
        await using var proxy = new TestEgressProxy(_origin.EndPoint);

        var failure = await Assert.ThrowsAsync<UpstreamException>(() => Dialer(proxy.For("**")).ConnectAsync("s1", To(destination), AddressExceptions.None, Limits.Token));

        Assert.Equal(UpstreamFailure.AddressForbidden, failure.Failure);
        Assert.Empty(proxy.Heads);
    }

    [Fact]
    public async Task A_name_that_is_resolved_here_is_sent_as_its_checked_address()
    {
        await using var proxy = new TestEgressProxy(_origin.EndPoint);
        var dialer = Dialer(proxy.For("**") with { ResolvesHere = true });

        var refused = await Assert.ThrowsAsync<UpstreamException>(() => dialer.ConnectAsync("s1", To("localhost:443"), AddressExceptions.None, Limits.Token));
        Assert.Empty(proxy.Heads);
        // A resolver may know nothing of "localhost.".
        if (refused.Failure != UpstreamFailure.AddressForbidden) return;
        await (await dialer.ConnectAsync("s1", To("localhost:443"), Edge.ExceptionsOf("127.0.0.0/8", "::1"), Limits.Token)).DisposeAsync();

        Assert.Contains(proxy.Heads.Single().Split(' ')[1], new[] { "127.0.0.1:443", "[::1]:443" });
    }

    [Fact]
    public async Task A_failure_of_the_proxy_is_explained_to_the_tool_as_such()
    {
        await using var proxy = new TestEgressProxy(_origin.EndPoint, "HTTP/1.1 403 Forbidden\r\n\r\n");
        await using var edge = await Edge.StartAsync(originCa: _ca, upstream: new UpstreamOptions { Proxies = [proxy.For("**")] });
        var workload = await Workload.OpenAsync(edge);

        var reply = await workload.GetAsync();
        await workload.CloseAsync();
        var audit = await edge.StopAsync();

        Assert.Equal((502, "upstream_connect"), (reply.Status, audit[0].GetProperty("outcome").GetString()));
        Assert.Contains("the upstream could not be reached (proxy): the gateway's proxy 127.0.0.1:", reply.Body, StringComparison.Ordinal);
        Assert.Contains("it refuses this destination (403)", reply.Body, StringComparison.Ordinal);
    }

    private static UpstreamDialer Dialer(params EgressProxy[] proxies) => new(new UpstreamOptions { Proxies = proxies }, new OwnListeners(), TimeProvider.System);

    private static Task<UpstreamException> FailureAsync(EgressProxy proxy) =>
        Assert.ThrowsAsync<UpstreamException>(() => Dialer(proxy).ConnectAsync("s1", To("api.test:443"), AddressExceptions.None, Limits.Token));

    private static HostPort To(string destination) => HostPort.TryParse(destination, out var to, out var problem) ? to : throw new ArgumentException(problem, nameof(destination));
}
