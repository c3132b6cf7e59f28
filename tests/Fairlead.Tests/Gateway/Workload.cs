using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Fairlead.Wire;

namespace Fairlead.Tests.Gateway;

/// <summary>A relay and the tool behind it: opens a tunnel as the protocol says, and TLS inside it.</summary>
internal sealed class Workload : IAsyncDisposable
{
    private SslStream? _tls;
    private LentStream? _lent;
    private HttpClient? _client;

    public Workload(TunnelStream tunnel)
    {
        Tunnel = tunnel;
        Tunnel.NoticeReceived = Notices.Enqueue;
    }

    /// <summary>What the gateway told the relay beside the data.</summary>
    public ConcurrentQueue<Notice> Notices { get; } = new();

    public TunnelStream Tunnel { get; }

    /// <summary>TLS inside the tunnel, once it is started.</summary>
    public SslStream Tls => _tls ?? throw new InvalidOperationException("TLS was not started");

    /// <summary>The answer to the CONNECT.</summary>
    public Reply Answer { get; private set; } = new(0, "", "");

    /// <summary>Sends an upgrade with the given headers, and reads its answer.</summary>
    public static async Task<(Reply Reply, NetworkStream Stream)> AskAsync(Edge edge, string headers, string path = Protocol.WebSocketPath)
    {
        var stream = await edge.ConnectAsync();
        await stream.WriteAsync(Encoding.Latin1.GetBytes($"GET {path} HTTP/1.1\r\nHost: gateway\r\n{headers}\r\n"), Limits.Token);
        return (await Reply.ReadAsync(stream), stream);
    }

    public static string UpgradeHeaders(string token = Edge.Token) =>
        $"Authorization: Bearer {token}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        + $"Sec-WebSocket-Key: {WebSocketHandshake.CreateKey()}\r\nContent-Type: application/proto\r\nFairlead-Tunnel: 1\r\nFairlead-Notice: 1\r\n";

    /// <summary>An upgraded connection on which no CONNECT was sent.</summary>
    public static async Task<Workload> UpgradeAsync(Edge edge, string token = Edge.Token, bool reuse = false)
    {
        var (reply, stream) = await AskAsync(edge, UpgradeHeaders(token) + (reuse ? "Fairlead-Reuse: 1\r\n" : ""));
        Assert.Equal(101, reply.Status);
        Assert.Equal(reuse ? "1" : null, reply["Fairlead-Reuse"]);
        return new Workload(new TunnelStream(stream, TunnelEnd.Relay, peerKnowsEndOfData: true, TimeProvider.System) { CarriesReuse = reuse });
    }

    /// <summary>A relay that knows reuse, on whose WebSocket the next tunnel is asked for.</summary>
    public async Task<Workload> AskAgainAsync(Edge edge, string host = Edge.Host, string session = "s1", string token = Edge.Token)
    {
        Assert.Equal(200, (await SendConnectAsync(ConnectHead($"{host}:443", session, token))).Status);
        await StartTlsAsync(host, await edge.RootAsync(), SslApplicationProtocol.Http11);
        return this;
    }

    /// <summary>Ends the tunnel in order, and asks for its WebSocket.</summary>
    /// <returns>Null when the gateway closed it.</returns>
    public async Task<Workload?> NextAsync()
    {
        if (_tls is not null) await _tls.ShutdownAsync();
        if (_lent is not null) await _lent.ReturnAsync();
        await Tunnel.EndWriteAsync(Limits.Token);
        return await Tunnel.NextAsync(Limits.Token) is { } next ? new Workload(next) : null;
    }

    public static string ConnectHead(string target, string session = "s1", string token = Edge.Token) =>
        $"CONNECT {target} HTTP/1.1\r\nProxy-Authorization: Basic {Convert.ToBase64String(Encoding.UTF8.GetBytes($"{session}:{token}"))}\r\n\r\n";

    /// <summary>Sends a CONNECT and reads the answer to it.</summary>
    public static async Task<Workload> ConnectAsync(Edge edge, string target = $"{Edge.Host}:443", string session = "s1", string token = Edge.Token)
    {
        var workload = await UpgradeAsync(edge, token);
        await workload.SendConnectAsync(ConnectHead(target, session, token));
        return workload;
    }

    public async Task<Reply> SendConnectAsync(string head)
    {
        await Tunnel.WriteAsync(Encoding.Latin1.GetBytes(head), Limits.Token);
        return await ReadAnswerAsync();
    }

    public async Task<Reply> ReadAnswerAsync()
    {
        var head = await Reply.ReadHeadAsync(Tunnel);
        Answer = head.StartsWith("HTTP/1.1 200", StringComparison.Ordinal)
            ? new Reply(200, head, "")
            : new Reply(int.Parse(head.AsSpan(9, 3), System.Globalization.CultureInfo.InvariantCulture), head, await Reply.ReadToEndAsync(Tunnel));
        return Answer;
    }

    /// <summary>CONNECT, and TLS for a name.</summary>
    public static async Task<Workload> OpenAsync(
        Edge edge, string host = Edge.Host, int port = 443, string session = "s1", string token = Edge.Token, bool http2 = false)
    {
        var workload = await ConnectAsync(edge, $"{host}:{port}", session, token);
        Assert.Equal(200, workload.Answer.Status);
        await workload.StartTlsAsync(host.Trim('[', ']'), await edge.RootAsync(), http2 ? SslApplicationProtocol.Http2 : SslApplicationProtocol.Http11);
        return workload;
    }

    /// <param name="serverName">The name asked for, which is also the one the certificate must be for; empty to ask for none.</param>
    /// <param name="root">The one root that is trusted.</param>
    /// <param name="protocol">Offered by ALPN.</param>
    public async Task StartTlsAsync(string serverName, X509Certificate2 root, SslApplicationProtocol protocol)
    {
        _tls = new SslStream(_lent = new LentStream(Tunnel), leaveInnerStreamOpen: true);
        await _tls.AuthenticateAsClientAsync(
            new SslClientAuthenticationOptions
            {
                TargetHost = serverName,
                ApplicationProtocols = [protocol],
                CertificateChainPolicy = new X509ChainPolicy
                {
                    TrustMode = X509ChainTrustMode.CustomRootTrust,
                    CustomTrustStore = { root },
                    RevocationMode = X509RevocationMode.NoCheck,
                },
            },
            Limits.Token);
    }

    /// <summary>Sends raw HTTP/1.1 and reads one answer.</summary>
    public async Task<Reply> SendAsync(string request, bool hasBody = true)
    {
        await Tls.WriteAsync(Encoding.Latin1.GetBytes(request), Limits.Token);
        return await Reply.ReadAsync(Tls, hasBody);
    }

    public Task<Reply> GetAsync(string target = "/", string headers = "", string host = Edge.Host) => SendAsync($"GET {target} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n");

    /// <summary>An HTTP client whose one connection is this tunnel. It ends with <see cref="CloseAsync"/>.</summary>
    public HttpClient Client()
    {
        var isTaken = false;
        var handler = new SocketsHttpHandler
        {
            UseProxy = false,
            AllowAutoRedirect = false,
            ConnectCallback = (_, _) =>
            {
                if (isTaken) throw new IOException("the tunnel is one connection, and it is in use");
                isTaken = true;
                return ValueTask.FromResult<Stream>(Tls);
            },
        };
        var version = Tls.NegotiatedApplicationProtocol == SslApplicationProtocol.Http2 ? HttpVersion.Version20 : HttpVersion.Version11;
        return _client = new HttpClient(handler) { DefaultRequestVersion = version, DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact };
    }

    /// <summary>Ends in order: TLS, the data, the tunnel.</summary>
    public async Task CloseAsync()
    {
        try
        {
            if (_tls is not null && _client is null) await _tls.ShutdownAsync();
            _client?.Dispose();
            if (_lent is not null) await _lent.ReturnAsync();
            if (!Tunnel.IsClosedByPeer) await Tunnel.EndWriteAsync(Limits.Token);
            while (await Tunnel.ReadChunkAsync(Limits.Token) is not null) { }
            await Tunnel.CloseAsync(CloseCode.Normal, "", Limits.Token);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // The gateway was first.
        }

        await DisposeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_tls is not null) await _tls.DisposeAsync();
        await Tunnel.DisposeAsync();
    }
}
