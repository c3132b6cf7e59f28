using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Fairlead.Gateway.Policy;
using Fairlead.Gateway.Upstream;
using Fairlead.Wire;

namespace Fairlead.Tests.Gateway.Upstream;

public sealed class UpstreamDialerTests : IDisposable
{
    private readonly OriginCa _ca = new();

    public void Dispose() => _ca.Dispose();

    [Theory]
    [InlineData(true, "h2")]
    [InlineData(false, "http/1.1")]
    public async Task A_verified_connection_comes_back(bool offersHttp2, string protocol)
    {
        await using var origin = await Origin.StartAsync(_ca);

        await using var stream = await DialerTo(origin.EndPoint).DialAsync("s1", To("api.test"), AddressExceptions.None, offersHttp2, null, Limits.Token);

        Assert.Equal(protocol, stream.NegotiatedApplicationProtocol.ToString());
        Assert.True(stream.SslProtocol is SslProtocols.Tls12 or SslProtocols.Tls13);
    }

    [Fact]
    public async Task An_address_has_its_own_certificate()
    {
        await using var origin = await Origin.StartAsync(_ca);
        var options = new UpstreamOptions { ExtraRoots = [_ca.Root], Resolve = new Dictionary<string, IPEndPoint> { ["127.0.0.1"] = origin.EndPoint } };

        await using var stream = await new UpstreamDialer(options, new OwnListeners(), TimeProvider.System).DialAsync("s1", To("127.0.0.1"), AddressExceptions.None, false, null, Limits.Token);

        Assert.True(stream.IsAuthenticated);
    }

    [Fact]
    public async Task A_refused_connection_is_told_with_the_address()
    {
        using var free = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        free.Bind(new IPEndPoint(IPAddress.Loopback, 0)); // bound and not listening: nobody else takes the port

        var failure = await FailureAsync(DialerTo((IPEndPoint)free.LocalEndPoint!));

        Assert.Equal(UpstreamFailure.Connect, failure.Failure);
        Assert.Contains("connecting to api.test:443 (127.0.0.1) failed", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_name_without_an_address_is_told()
    {
        var failure = await FailureAsync(new UpstreamDialer(new UpstreamOptions(), new OwnListeners(), TimeProvider.System), "no-such-host.invalid");

        Assert.True(failure.Failure is UpstreamFailure.Dns or UpstreamFailure.DnsTimeout, failure.Message);
        Assert.Contains("no-such-host.invalid", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("expired", "its certificate expired on ")]
    [InlineData("early", "its certificate is not valid before ")]
    [InlineData("wrong name", "its certificate is not for api.test but for other.test")]
    [InlineData("parent", "its certificate is not for api.test but for test")]
    [InlineData("client", "is not for servers")]
    public async Task A_certificate_that_does_not_hold_is_explained(string fault, string said)
    {
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = fault switch
        {
            "expired" => _ca.Issue("api.test", now.AddDays(-2), now.AddDays(-1)),
            "early" => _ca.Issue("api.test", now.AddDays(1), now.AddDays(2)),
            "client" => _ca.Issue("api.test", usage: OriginCa.ClientAuth),
            "parent" => _ca.Issue("test"),
            _ => _ca.Issue("other.test"),
        };

        var failure = await CredentialGoesNowhereAsync(certificate, [_ca.Root]);

        Assert.Equal(UpstreamFailure.Tls, failure.Failure);
        Assert.StartsWith("TLS with api.test:443 failed: ", failure.Message, StringComparison.Ordinal);
        Assert.Contains(said, failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_issuer_that_nobody_vouches_for_is_named(bool hasOtherRoots)
    {
        using var other = new OriginCa("CN=Somebody Else");
        using var certificate = _ca.Issue("api.test");

        var failure = await CredentialGoesNowhereAsync(certificate, hasOtherRoots ? [other.Root] : []);

        Assert.Equal(UpstreamFailure.Tls, failure.Failure);
        Assert.Contains("was issued by 'CN=Origin Test CA', which no trusted root vouches for", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_self_signed_certificate_is_refused()
    {
        using var certificate = OriginCa.IssueSelfSigned("api.test");

        var failure = await CredentialGoesNowhereAsync(certificate, []);

        Assert.Equal(UpstreamFailure.Tls, failure.Failure);
    }

    [Fact]
    public async Task A_credential_goes_only_over_verified_TLS()
    {
        using var wrong = _ca.Issue("other.test");
        var bytes = new TaskCompletionSource<int>();
        await using var origin = RawOrigin.OverTls(wrong, async tls => bytes.TrySetResult(await tls.ReadAsync(new byte[1])));
        await using var edge = await Edge.StartAsync(
            new Dictionary<string, IPEndPoint> { [Edge.Host] = origin.EndPoint }, _ca, [Edge.SessionOf("s1", Edge.Token, credentials: [Edge.CredentialOf("c", "X-Key", "FAKE-canary")])]);
        var workload = await Workload.OpenAsync(edge);

        var reply = await workload.GetAsync();
        await workload.CloseAsync();
        var audit = await edge.StopAsync();

        Assert.Equal(502, reply.Status);
        Assert.Contains("its certificate is not for api.test but for other.test", reply.Body, StringComparison.Ordinal);
        Assert.DoesNotContain("FAKE-canary", reply.Head + reply.Body, StringComparison.Ordinal);
        Assert.Equal("upstream_tls", audit[0].GetProperty("outcome").GetString());
        Assert.True(origin.Connections > 0);
        await origin.DisposeAsync();
        Assert.True(!bytes.Task.IsCompleted || await bytes.Task == 0);
    }

    [Fact]
    public async Task What_is_not_TLS_at_all_is_told()
    {
        await using var origin = new RawOrigin(async stream =>
        {
            await stream.WriteAsync("HTTP/1.1 400 Bad Request\r\n\r\n"u8.ToArray(), Limits.Token);
            await Reply.ReadToEndAsync(stream);
        });

        var failure = await FailureAsync(DialerTo(origin.EndPoint));

        Assert.Equal(UpstreamFailure.Tls, failure.Failure);
        Assert.StartsWith("TLS with api.test:443 failed: ", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_handshake_that_is_cut_is_told()
    {
        await using var origin = new RawOrigin(_ => Task.CompletedTask);

        Assert.Equal(UpstreamFailure.Tls, (await FailureAsync(DialerTo(origin.EndPoint))).Failure);
    }

    [Fact]
    public async Task A_handshake_that_is_never_answered_ends_at_its_limit()
    {
        await using var origin = new RawOrigin(stream => Reply.ReadToEndAsync(stream));
        var options = new UpstreamOptions { Resolve = ResolveTo(origin.EndPoint), HandshakeTimeout = TimeSpan.FromMilliseconds(200) };

        var failure = await FailureAsync(new UpstreamDialer(options, new OwnListeners(), TimeProvider.System));

        Assert.Equal(UpstreamFailure.ConnectTimeout, failure.Failure);
        Assert.Equal("the TLS handshake with api.test:443 took longer than 0.2 s", failure.Message);
    }

    [Fact]
    public async Task Who_no_longer_waits_is_told_nothing()
    {
        using var left = new CancellationTokenSource();
        await using var origin = new RawOrigin(async stream =>
        {
            await left.CancelAsync();
            await Reply.ReadToEndAsync(stream);
        });

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => DialerTo(origin.EndPoint).DialAsync("s1", To("api.test"), AddressExceptions.None, false, null, left.Token));
    }

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("::1")]
    [InlineData("::ffff:127.0.0.1")]
    [InlineData("169.254.169.254")]
    [InlineData("10.0.0.1")]
    [InlineData("0.0.0.0")]
    [InlineData("localhost")]
    [InlineData("LOCALHOST.")]
    public async Task No_dial_to_an_unguarded_address(string host)
    {
        await using var canary = new RawOrigin(_ => Task.CompletedTask);
        var dialer = new UpstreamDialer(new UpstreamOptions(), new OwnListeners(), TimeProvider.System);
        Assert.True(HostPort.TryCreate(host, canary.EndPoint.Port, out var destination, out _));

        var failure = await Assert.ThrowsAsync<UpstreamException>(() => dialer.DialAsync("s1", destination, AddressExceptions.None, false, null, Limits.Token));

        Assert.Equal(0, canary.Connections);
        // A resolver may also know nothing of "localhost.".
        if (destination.Address is null && failure.Failure is UpstreamFailure.Dns or UpstreamFailure.DnsTimeout) return;
        Assert.Equal(UpstreamFailure.AddressForbidden, failure.Failure);
        Assert.Contains("may never be dialled", failure.Message, StringComparison.Ordinal);
        Assert.Equal(destination.Address is null, dialer.MayDial(destination, AddressExceptions.None, out _));
    }

    [Fact]
    public async Task What_was_found_before_is_checked_as_if_it_were_new()
    {
        await using var origin = new RawOrigin(_ => Task.CompletedTask);
        var asked = 0;
        var dialer = new UpstreamDialer(new UpstreamOptions(), new OwnListeners(), TimeProvider.System, new NameLookup(_ => ++asked > 0 ? [IPAddress.Loopback] : [], TimeSpan.FromMinutes(1), TimeProvider.System));
        Assert.True(HostPort.TryCreate("api.test", origin.EndPoint.Port, out var destination, out _));

        await using (await dialer.ConnectAsync("s1", destination, new AddressExceptions([IPNetwork.Parse("127.0.0.0/8")]), Limits.Token)) { }
        var failure = await Assert.ThrowsAsync<UpstreamException>(() => dialer.ConnectAsync("s1", destination, AddressExceptions.None, Limits.Token));

        Assert.Equal(UpstreamFailure.AddressForbidden, failure.Failure);
        Assert.Equal(1, asked);
    }

    [Fact]
    public async Task Where_nobody_accepts_a_connection_the_name_is_asked_for_again()
    {
        var asked = 0;
        var dialer = new UpstreamDialer(new UpstreamOptions(), new OwnListeners(), TimeProvider.System, new NameLookup(_ => ++asked > 0 ? [IPAddress.Loopback] : [], TimeSpan.FromMinutes(1), TimeProvider.System));

        for (var i = 1; i <= 2; i++)
        {
            // Nobody listens on port 1.
            Assert.True(HostPort.TryCreate("api.test", 1, out var destination, out _));
            var failure = await Assert.ThrowsAsync<UpstreamException>(() => dialer.ConnectAsync("s1", destination, new AddressExceptions([IPNetwork.Parse("127.0.0.0/8")]), Limits.Token));
            Assert.Equal(UpstreamFailure.Connect, failure.Failure);
            Assert.Equal(i, asked);
        }
    }

    [Theory]
    [InlineData("192.0.2.1")]
    [InlineData("127.0.0.1")]
    [InlineData("169.254.169.254")]
    [InlineData("fd00:ec2::254")]
    public async Task Every_answer_is_checked_and_not_only_the_one_that_is_dialled(string slippedIn)
    {
        // 8.8.8.8 is public and stands first; nothing may be sent to it, since the answer as a whole is refused.
        var names = new NameLookup(_ => [IPAddress.Parse("8.8.8.8"), IPAddress.Parse("2001:4860:4860::8888"), IPAddress.Parse(slippedIn)], TimeSpan.Zero, TimeProvider.System);
        var dialer = new UpstreamDialer(new UpstreamOptions(), new OwnListeners(), TimeProvider.System, names);

        var failure = await FailureAsync(dialer);

        Assert.Equal(UpstreamFailure.AddressForbidden, failure.Failure);
        Assert.Contains(slippedIn, failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_the_operator_resolves_may_be_dialled()
    {
        var dialer = new UpstreamDialer(new UpstreamOptions { Resolve = new Dictionary<string, IPEndPoint> { ["10.0.0.1"] = new(IPAddress.Loopback, 0) } }, new OwnListeners(), TimeProvider.System);

        Assert.True(dialer.MayDial(To("10.0.0.1"), AddressExceptions.None, out _));
        Assert.False(dialer.MayDial(To("10.0.0.2"), AddressExceptions.None, out var reason));
        Assert.Equal("private", reason);
    }

    [Fact]
    public async Task A_port_of_zero_keeps_the_port_of_the_destination()
    {
        await using var origin = await Origin.StartAsync(_ca);
        var options = new UpstreamOptions { ExtraRoots = [_ca.Root], Resolve = ResolveTo(new IPEndPoint(IPAddress.Loopback, 0)) };
        Assert.True(HostPort.TryCreate("api.test", origin.EndPoint.Port, out var destination, out _));

        await using var stream = await new UpstreamDialer(options, new OwnListeners(), TimeProvider.System).DialAsync("s1", destination, AddressExceptions.None, false, null, Limits.Token);

        Assert.True(stream.IsAuthenticated);
    }

    private async Task<UpstreamException> CredentialGoesNowhereAsync(X509Certificate2 certificate, X509Certificate2Collection roots)
    {
        var sent = new StringBuilder();
        await using var origin = RawOrigin.OverTls(certificate, async tls => sent.Append(await Reply.ReadToEndAsync(tls)));
        var failure = await FailureAsync(new UpstreamDialer(new UpstreamOptions { ExtraRoots = roots, Resolve = ResolveTo(origin.EndPoint) }, new OwnListeners(), TimeProvider.System));
        await origin.DisposeAsync();
        Assert.Equal("", sent.ToString());
        return failure;
    }

    private UpstreamDialer DialerTo(IPEndPoint endPoint) => new(new UpstreamOptions { ExtraRoots = [_ca.Root], Resolve = ResolveTo(endPoint) }, new OwnListeners(), TimeProvider.System);

    private static Dictionary<string, IPEndPoint> ResolveTo(IPEndPoint endPoint) => new() { ["api.test"] = endPoint };

    private static Task<UpstreamException> FailureAsync(UpstreamDialer dialer, string host = "api.test") =>
        Assert.ThrowsAsync<UpstreamException>(() => dialer.DialAsync("s1", To(host), AddressExceptions.None, offersHttp2: false, null, Limits.Token));

    private static HostPort To(string host) => HostPort.TryCreate(host, 443, out var destination, out var problem) ? destination : throw new ArgumentException(problem, nameof(host));
}
