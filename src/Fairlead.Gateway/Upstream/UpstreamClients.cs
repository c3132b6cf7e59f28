using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Security;
using System.Text;
using Fairlead.Gateway.Credentials;
using Fairlead.Gateway.Policy;
using Fairlead.Wire;

namespace Fairlead.Gateway.Upstream;

/// <summary>
/// One HTTP client, and so one pool of connections, per session. A connection is never shared between sessions: their credentials differ, and
/// one session's broken request ends an HTTP/2 connection for everybody on it. Nor does a connection outlive the exceptions of the policy, or the client certificate,
/// that it was made under.
/// </summary>
/// <param name="dial">Makes a connection: <see cref="UpstreamDialer.DialAsync"/>.</param>
internal sealed class UpstreamClients(UpstreamClients.Dial dial) : IDisposable
{
    /// <summary>As <see cref="UpstreamDialer.DialAsync"/>.</summary>
    public delegate Task<SslStream> Dial(string caller, HostPort destination, AddressExceptions exceptions, bool offersHttp2, ClientCertificate? certificate, CancellationToken cancellationToken);

    /// <summary>Under this key a request carries the <see cref="Exchange"/> that is told how long a dial took.</summary>
    public static readonly HttpRequestOptionsKey<Exchange> ExchangeKey = new("fairlead.exchange");

    private static readonly TimeSpan CutLimit = TimeSpan.FromSeconds(5);

    private const int MaxResponseHeadersKiB = 128;

    private readonly ConcurrentDictionary<string, Pool> _bySession = new();

    private sealed record Pool(AddressExceptions Exceptions, ClientCertificates Certificates, Lazy<HttpMessageInvoker> Client);

    /// <summary>The client of a session. Once its policy has other exceptions than before, or it has other certificates, the connections that were made until then are used no more.</summary>
    /// <param name="sessionId">Whose.</param>
    /// <param name="exceptions">Which addresses besides public ones its policy lets it reach, as the policy is now.</param>
    /// <param name="certificates">What upstreams are shown for it, as the configuration is now.</param>
    public HttpMessageInvoker For(string sessionId, AddressExceptions exceptions, ClientCertificates certificates)
    {
        while (true)
        {
            if (!_bySession.TryGetValue(sessionId, out var pool)) pool = _bySession.GetOrAdd(sessionId, New(sessionId, exceptions, certificates));
            if (pool.Exceptions.Equals(exceptions) && pool.Certificates.Equals(certificates)) return pool.Client.Value;
            var next = New(sessionId, exceptions, certificates);
            if (!_bySession.TryUpdate(sessionId, next, pool)) continue;
            _ = DisposeSoonAsync(pool);
            return next.Client.Value;
        }
    }

    /// <summary>Closes the connections of a session that has ended, once its tunnels are cut.</summary>
    public void Drop(string sessionId)
    {
        if (_bySession.TryRemove(sessionId, out var pool)) _ = DisposeSoonAsync(pool);
    }

    public void Dispose()
    {
        foreach (var pool in _bySession.Values) pool.Client.Value.Dispose();
    }

    private static async Task DisposeSoonAsync(Pool pool)
    {
        await Task.Delay(CutLimit);
        pool.Client.Value.Dispose();
    }

    private Pool New(string sessionId, AddressExceptions exceptions, ClientCertificates certificates) => new(exceptions, certificates, new(() => Create(sessionId, exceptions, certificates)));

    private HttpMessageInvoker Create(string sessionId, AddressExceptions exceptions, ClientCertificates certificates) => new(new SocketsHttpHandler
    {
        // A client that helps would be a client that decides: each of these is the workload's business or nobody's.
        UseProxy = false,
        UseCookies = false,
        AllowAutoRedirect = false,
        AutomaticDecompression = System.Net.DecompressionMethods.None,
        ActivityHeadersPropagator = null,
        Credentials = null,
        PreAuthenticate = false,
        EnableMultipleHttp2Connections = true,
        InitialHttp2StreamWindowSize = 1024 * 1024,
        PooledConnectionIdleTimeout = TimeSpan.FromSeconds(60),
        PooledConnectionLifetime = TimeSpan.FromMinutes(10),
        // A peer that has gone without a word is noticed while requests wait for it: for HTTP/1.1 the socket does that (ConnectionRace).
        KeepAlivePingDelay = TimeSpan.FromSeconds(30),
        KeepAlivePingTimeout = TimeSpan.FromSeconds(20),
        KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,
        MaxResponseHeadersLength = MaxResponseHeadersKiB,
        MaxResponseDrainSize = 0,
        RequestHeaderEncodingSelector = static (_, _) => Encoding.Latin1,
        ResponseHeaderEncodingSelector = static (_, _) => Encoding.Latin1,
        ConnectTimeout = Timeout.InfiniteTimeSpan, // the dialer has a limit per hop, and says which one was slow
        ConnectCallback = (context, cancellationToken) => ConnectAsync(context, sessionId, exceptions, certificates, cancellationToken),
    });

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, string sessionId, AddressExceptions exceptions, ClientCertificates certificates, CancellationToken cancellationToken)
    {
        var request = context.InitialRequestMessage;
        var host = context.DnsEndPoint.Host.Trim('[', ']');
        if (!HostPort.TryCreate(host, context.DnsEndPoint.Port, out var destination, out var problem)) throw new InvalidOperationException(problem);
        var began = Stopwatch.GetTimestamp();
        // What a child asks the resolver counts for its parent, which stands before the mark.
        var stream = await dial(sessionId.Split('~')[0], destination, exceptions, offersHttp2: request.Version.Major >= 2, certificates.For(destination), cancellationToken);
        if (request.Options.TryGetValue(ExchangeKey, out var exchange)) exchange.Dialled(Stopwatch.GetElapsedTime(began));
        return stream;
    }
}
