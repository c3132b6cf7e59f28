using System.Buffers;
using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Fairlead.Gateway.Audit;
using Fairlead.Gateway.Credentials;
using Fairlead.Gateway.Interception;
using Fairlead.Gateway.Policy;
using Fairlead.Gateway.Sessions;
using Fairlead.Gateway.Telemetry;
using Fairlead.Gateway.Tunnels;
using Fairlead.Gateway.Upstream;
using Fairlead.Wire;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fairlead.Gateway;

/// <summary>
/// Most of the code that a request runs through is compiled at its first use, which makes a gateway's first request a tenth of a second slower than the next. So both stories are played through once it
/// listens, by the classes that play them for workloads: a relay's upgrade, a CONNECT, TLS, policy, a credential, TLS with an upstream and its answer. Server, session, policy, credential,
/// certificate and upstream are the rehearsal's own and forgotten behind it. All connections are in memory: no name is asked for and no address dialled. Nothing of it reaches the gateway's audit, metrics or log.
/// </summary>
internal sealed class Rehearsal : IAudit
{
    private const string Host = "rehearsal.invalid";
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    private readonly string _token = Convert.ToHexString(RandomNumberGenerator.GetBytes(32));
    private readonly X509Certificate2 _certificate;
    private readonly SslStreamCertificateContext _leaf;
    private readonly UpstreamOptions _upstream;
    private readonly List<Task> _tunnels = [];
    private int _completed;

    private Rehearsal(X509Certificate2 certificate)
    {
        _certificate = certificate;
        _leaf = SslStreamCertificateContext.Create(certificate, additionalCertificates: null, offline: true);
        _upstream = new UpstreamOptions { ExtraRoots = [certificate] };
    }

    bool IAudit.IsWritable => true;

    /// <summary>One tunnel with a request by HTTP/1.1, and one by HTTP/2. What does not work here is told where it is needed.</summary>
    /// <returns>True when the upstream answered both.</returns>
    public static async Task<bool> RunAsync()
    {
        try
        {
            using var certificate = WarmUp.CertificateFor(Host);
            using var limit = new CancellationTokenSource(Limit);
            return await new Rehearsal(certificate).PlayAsync(limit.Token) == 2;
        }
        catch (Exception e) when (e is AuthenticationException or CryptographicException or IOException or HttpRequestException or OperationCanceledException or InvalidOperationException)
        {
            return false;
        }
    }

    ValueTask<bool> IAudit.IntendAsync(RequestRecord record, CancellationToken cancellationToken) => ValueTask.FromResult(AuditText.IntentOf(record).Length > 0);

    ValueTask<bool> IAudit.IntendAsync(TunnelRecord record, PassthroughRecord passthrough, CancellationToken cancellationToken) => ValueTask.FromResult(false);

    ValueTask IAudit.WriteAsync(RequestRecord record)
    {
        if (AuditText.Of(record).Length > 0 && record.Outcome == Outcome.Completed) Interlocked.Increment(ref _completed);
        return ValueTask.CompletedTask;
    }

    ValueTask IAudit.WriteAsync(TunnelRecord record)
    {
        _ = AuditText.Of(record);
        return ValueTask.CompletedTask;
    }

    private async Task<int> PlayAsync(CancellationToken cancellationToken)
    {
        var time = TimeProvider.System;
        var listener = new TunnelListener();
        using var clients = new UpstreamClients((_, destination, _, _, certificate, token) => DialAsync(destination, certificate, token));
        using var metrics = new GatewayMetrics();
        using var sessions = new SessionRegistry(new SessionSet([NewSession()]), time);
        using var parking = new Parking(time);
        await using var server = GatewayServers.BuildInner(GatewayServers.NewBuilder(LogLevel.None), listener, new TlsInterception((_, _, _) => Task.FromResult(_leaf), time));
        server.Run(new RequestHandler(new Forwarder(clients, _upstream), this, metrics, traces: null, time, NullLogger<RequestHandler>.Instance).HandleAsync);
        await server.StartAsync(cancellationToken);
        var dialer = new UpstreamDialer(_upstream, new OwnListeners(), time);
        var connects = new ConnectHandler(new ConnectReader(dialer), listener, new PassthroughTunnel(dialer, this), this, metrics, time, NullLogger<ConnectHandler>.Instance);
        var endpoint = new TunnelEndpoint(sessions, connects, parking, metrics, time);
        foreach (var version in new[] { HttpVersion.Version11, HttpVersion.Version20 })
        {
            using var tool = new HttpMessageInvoker(new SocketsHttpHandler
            {
                UseProxy = false,
                ActivityHeadersPropagator = null,
                SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = WarmUp.TrustIn(_certificate) },
                ConnectCallback = (_, token) => OpenTunnelAsync(endpoint, token),
            });
            using var request = new HttpRequestMessage(HttpMethod.Get, $"https://{Host}/") { Version = version, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
            using var response = await tool.SendAsync(request, cancellationToken);
            await response.Content.CopyToAsync(Stream.Null, cancellationToken);
        }

        await Task.WhenAll(_tunnels).WaitAsync(cancellationToken);
        await server.StopAsync(cancellationToken);
        return Volatile.Read(ref _completed);
    }

    // What a relay does.
    private async ValueTask<Stream> OpenTunnelAsync(TunnelEndpoint endpoint, CancellationToken cancellationToken)
    {
        var (near, far) = InMemoryConnection.Pair();
        var context = new DefaultHttpContext();
        context.Features.Set<IHttpUpgradeFeature>(new Upgrade(far));
        var headers = context.Request.Headers;
        headers.Authorization = $"Bearer {_token}";
        headers.Upgrade = "websocket";
        headers.SecWebSocketKey = WebSocketHandshake.CreateKey();
        headers.SecWebSocketVersion = WebSocketHandshake.Version;
        headers.ContentType = Protocol.ChunkMediaType;
        headers[Protocol.TunnelHeader] = Protocol.TunnelVersion;
        headers[Protocol.ReuseHeader] = Protocol.ReuseVersion;
        _tunnels.Add(endpoint.HandleAsync(context));

        var tunnel = new TunnelStream(near, TunnelEnd.Relay, peerKnowsEndOfData: true, TimeProvider.System) { CarriesReuse = true };
        var head = new ArrayBufferWriter<byte>();
        ConnectRequest.Write(head, $"{Host}:443", Encoding.UTF8.GetBytes($"{Host}:{_token}"));
        await tunnel.WriteAsync(head.WrittenMemory, cancellationToken);
        var answer = await tunnel.ReadChunkAsync(cancellationToken);
        return answer?.Data.Span.StartsWith("HTTP/1.1 200 "u8) == true ? tunnel : throw new IOException("the tunnel was refused");
    }

    private sealed class Upgrade(Stream connection) : IHttpUpgradeFeature
    {
        public bool IsUpgradableRequest => true;

        public Task<Stream> UpgradeAsync() => Task.FromResult(connection);
    }

    private Session NewSession()
    {
        var value = Convert.ToHexString(RandomNumberGenerator.GetBytes(16));
        if (!Secret.TryCreate("key", value, out var secret, out _, out var problem) || !HostPattern.TryParse(Host, out var pattern, out problem)
            || !Rule.TryParse($"allow GET {Host}/**", new Dictionary<string, IReadOnlyList<HostPattern>>(), out var rule, out problem)) throw new InvalidOperationException(problem);
        if (InjectedHeader.TryCreate("Authorization", "Bearer {key}", new Dictionary<string, ISecret> { ["key"] = secret }, out var header) is { } odd) throw new InvalidOperationException(odd);
        return new Session(Host, SessionRegistry.HashOf(_token), new RuleSet(Host, PolicyMode.Enforce, Verdict.Deny, [rule]), new CredentialSet([new Credential(Host, [header!], [pattern])]));
    }

    private Task<SslStream> DialAsync(HostPort destination, ClientCertificate? certificate, CancellationToken cancellationToken)
    {
        var (near, far) = InMemoryConnection.Pair();
        _ = AnswerAsync(far, cancellationToken);
        return UpstreamTls.AuthenticateAsync(near, destination, offersHttp2: false, certificate, _upstream, TimeProvider.System, cancellationToken);
    }

    // An upstream that has one answer to whatever it reads.
    private async Task AnswerAsync(InMemoryConnection connection, CancellationToken cancellationToken)
    {
        try
        {
            await using var tls = new SslStream(connection);
            await tls.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificateContext = _leaf, ApplicationProtocols = [SslApplicationProtocol.Http11] }, cancellationToken);
            while (await tls.ReadAsync(new byte[16 * 1024], cancellationToken) > 0)
                await tls.WriteAsync("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nok\n"u8.ToArray(), cancellationToken);
        }
        catch (Exception e) when (e is AuthenticationException or IOException or OperationCanceledException or InvalidOperationException)
        {
            // The other end is told by this one's end.
        }
    }
}
