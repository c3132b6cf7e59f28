using System.Buffers;
using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Fairlead.Wire;

namespace Fairlead.Relay.Tunnel;

/// <summary>
/// The way to the gateway, and the only place that dials: name or address, egress proxy, TLS, and the WebSocket upgrade.
/// The CA is fetched over the same way, so who is trusted and which proxy is asked cannot differ.
/// </summary>
/// <param name="gateway">Whom to reach.</param>
/// <param name="proxy">The egress proxy to go through, or null.</param>
/// <param name="pinnedRoots">The roots that alone are trusted for the gateway's certificate, or null for the system's.</param>
/// <param name="offersReuse">True to tell the gateway that a WebSocket may carry several tunnels.</param>
/// <param name="time">The clock of the tunnels' keepalive.</param>
internal sealed class GatewayDialer(GatewayAddress gateway, EgressProxy? proxy, X509Certificate2Collection? pinnedRoots, bool offersReuse, TimeProvider time)
{
    // An address that swallows packets must not use up the time of the others.
    private static readonly TimeSpan AttemptLimit = TimeSpan.FromSeconds(2);

    private static readonly string UserAgent = $"fairlead/{typeof(GatewayDialer).Assembly.GetName().Version?.ToString(3)}";

    private readonly string _who = $"the gateway {gateway.Endpoint}";

    /// <summary>The version of the gateway that answered last, where it says so; else null.</summary>
    public string? GatewayVersion { get; private set; }

    /// <summary>Connects to the gateway: through the proxy if there is one, and with TLS if its address says so.</summary>
    /// <returns>A connection that carries HTTP next.</returns>
    /// <exception cref="DialException">A hop could not be reached, refused us, or is not trusted.</exception>
    public async Task<Stream> ConnectAsync(CancellationToken cancellationToken)
    {
        var connection = proxy is null
            ? await ConnectSocketAsync(gateway.Endpoint, _who, cancellationToken)
            : await ConnectThroughAsync(proxy, cancellationToken);
        return gateway.IsTls ? await SecureAsync(connection, cancellationToken) : connection;
    }

    /// <summary>Opens one tunnel: connects, and upgrades to a WebSocket of chunks.</summary>
    /// <param name="token">The session's token, as bytes; our copy of it is erased.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <exception cref="DialException">A hop could not be reached or refused us.</exception>
    public async Task<TunnelStream> OpenTunnelAsync(ReadOnlyMemory<byte> token, CancellationToken cancellationToken)
    {
        var connection = await ConnectAsync(cancellationToken);
        try
        {
            var key = WebSocketHandshake.CreateKey();
            await SendUpgradeAsync(connection, key, token, cancellationToken);
            var answer = await AnswerHead.ReadAsync(connection, _who, cancellationToken);
            RequireUpgrade(answer, key);
            var peerKnowsEndOfData = answer.Header(Protocol.TunnelHeader) == Protocol.TunnelVersion;
            GatewayVersion = answer.Header(Protocol.GatewayHeader);
            var carriesReuse = offersReuse && peerKnowsEndOfData && answer.Header(Protocol.ReuseHeader) == Protocol.ReuseVersion;
            return new TunnelStream(PrefixedStream.Over(connection, answer.Rest), TunnelEnd.Relay, peerKnowsEndOfData, time) { CarriesReuse = carriesReuse };
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    private static async Task<Stream> ConnectSocketAsync(HostPort endpoint, string who, CancellationToken cancellationToken)
    {
        var addresses = await ResolveAsync(endpoint, who, cancellationToken);
        SocketException? last = null;
        for (var i = 0; i < addresses.Length; i++)
        {
            using var attempt = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            if (i < addresses.Length - 1) attempt.CancelAfter(AttemptLimit);
            var socket = new Socket(addresses[i].AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                await socket.ConnectAsync(new IPEndPoint(addresses[i], endpoint.Port), attempt.Token);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch (SocketException e)
            {
                socket.Dispose();
                last = e;
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                socket.Dispose();
                last = new SocketException((int)SocketError.TimedOut);
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        }

        throw new DialException($"{who} cannot be reached: {last!.Message}", last) { MayPass = true };
    }

    private static async Task<IPAddress[]> ResolveAsync(HostPort endpoint, string who, CancellationToken cancellationToken)
    {
        if (endpoint.Address is { } literal) return [literal];
        try
        {
            var addresses = await Dns.GetHostAddressesAsync(endpoint.Host, cancellationToken);
            if (addresses.Length > 0) return addresses;
        }
        catch (SocketException e)
        {
            throw new DialException($"the name of {who} cannot be resolved: {e.Message}", e) { MayPass = e.SocketErrorCode == SocketError.TryAgain };
        }

        throw new DialException($"the name of {who} has no address");
    }

    private async Task<Stream> ConnectThroughAsync(EgressProxy egress, CancellationToken cancellationToken)
    {
        var who = $"the egress proxy {egress.Endpoint} (from {egress.Variable})";
        var connection = await ConnectSocketAsync(egress.Endpoint, who, cancellationToken);
        try
        {
            var credentials = egress.BasicCredentials is null ? "" : $"Proxy-Authorization: Basic {egress.BasicCredentials}\r\n";
            var request = Encoding.ASCII.GetBytes($"CONNECT {gateway.Endpoint} HTTP/1.1\r\nHost: {gateway.Endpoint}\r\n{credentials}\r\n");
            await WriteAsync(connection, request, who, cancellationToken);
            var answer = await AnswerHead.ReadAsync(connection, who, cancellationToken);
            if (answer.Status == 407)
            {
                throw new DialException(egress.BasicCredentials is null
                    ? $"{who} wants credentials (407): give them in the variable, as http://user:password@host:port"
                    : $"{who} does not accept the credentials in the variable (407)");
            }

            if (answer.Status is < 200 or > 299) throw new DialException($"{who} refused to connect to {gateway.Endpoint}: status {answer.Status}") { MayPass = answer.MayPass, RetryAfter = answer.RetryAfter };
            return PrefixedStream.Over(connection, answer.Rest);
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    private async Task<Stream> SecureAsync(Stream connection, CancellationToken cancellationToken)
    {
        string? distrust = null;
        var tls = new SslStream(new RecordStream(connection, mostHeld: RecordStream.HoldsChunks), leaveInnerStreamOpen: false);
        var options = new SslClientAuthenticationOptions
        {
            TargetHost = gateway.Endpoint.Host,
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
            ApplicationProtocols = [SslApplicationProtocol.Http11],
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
            CertificateChainPolicy = PinnedPolicy(),
            RemoteCertificateValidationCallback = (_, _, chain, errors) =>
            {
                if (errors != SslPolicyErrors.None) distrust = Explain(chain, errors);
                return errors == SslPolicyErrors.None;
            },
        };
        try
        {
            await tls.AuthenticateAsClientAsync(options, cancellationToken);
            return tls;
        }
        catch (Exception e) when (e is AuthenticationException or IOException)
        {
            await tls.DisposeAsync();
            throw new DialException(
                distrust is null ? $"{_who} could not agree on TLS with us: {e.Message}" : $"the certificate of {_who} is not trusted: {distrust}", e)
            { MayPass = distrust is null && e is IOException };
        }
        catch
        {
            await tls.DisposeAsync();
            throw;
        }
    }

    private X509ChainPolicy? PinnedPolicy()
    {
        if (pinnedRoots is null) return null;
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.AddRange(pinnedRoots);
        return policy;
    }

    private string Explain(X509Chain? chain, SslPolicyErrors errors)
    {
        if (errors.HasFlag(SslPolicyErrors.RemoteCertificateNotAvailable)) return "it sent none";
        if (errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch)) return $"it is not for {gateway.Endpoint.Host}";
        var reasons = chain?.ChainStatus.Select(status => status.Status.ToString()).Distinct() ?? [];
        return $"{string.Join(", ", reasons)} ({(pinnedRoots is null ? "by the system's roots; --gateway-ca names others" : "by the roots of --gateway-ca")})";
    }

    /// <summary>Asks one of the gateway's paths as the session. The answer ends with its connection: in HTTP/1.0 there are no chunks to take apart.</summary>
    /// <param name="path">Below the gateway's prefix.</param>
    /// <param name="token">The session's token, as bytes; our copy of it is erased.</param>
    /// <param name="most">Most bytes of a body; a longer one is cut behind the byte that is too much.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <exception cref="DialException">A hop could not be reached or refused us, or the answer broke off.</exception>
    public async Task<(int Status, byte[] Body)> GetAsync(string path, ReadOnlyMemory<byte> token, int most, CancellationToken cancellationToken)
    {
        await using var connection = await ConnectAsync(cancellationToken);
        await SendAsync(
            connection, $"GET {gateway.PathPrefix}{path} HTTP/1.0\r\nHost: {gateway.HostHeader}\r\nConnection: close\r\nAuthorization: Bearer ", token, $"\r\nUser-Agent: {UserAgent}\r\n\r\n", cancellationToken);
        var answer = await AnswerHead.ReadAsync(connection, _who, cancellationToken);
        var body = new byte[most + 1];
        var length = await PrefixedStream.Over(connection, answer.Rest).ReadAtLeastAsync(body, body.Length, throwOnEndOfStream: false, cancellationToken);
        if (answer.Header("Content-Length") is { } announced && length <= most && announced != length.ToString(CultureInfo.InvariantCulture))
            throw new DialException($"{_who} announced {HostPort.Printable(announced)} bytes and sent {length}");
        return (answer.Status, body[..length]);
    }

    private Task SendUpgradeAsync(Stream connection, string key, ReadOnlyMemory<byte> token, CancellationToken cancellationToken) => SendAsync(
        connection,
        $"GET {gateway.PathPrefix}{Protocol.WebSocketPath} HTTP/1.1\r\nHost: {gateway.HostHeader}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + $"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: {WebSocketHandshake.Version}\r\nAuthorization: Bearer ",
        token,
        $"\r\nContent-Type: {Protocol.ChunkMediaType}\r\n{Protocol.TunnelHeader}: {Protocol.TunnelVersion}\r\n{Protocol.NoticeHeader}: {Protocol.NoticeVersion}\r\n{(offersReuse ? $"{Protocol.ReuseHeader}: {Protocol.ReuseVersion}\r\n" : "")}User-Agent: {UserAgent}\r\n\r\n",
        cancellationToken);

    private async Task SendAsync(Stream connection, string before, ReadOnlyMemory<byte> token, string after, CancellationToken cancellationToken)
    {
        var length = before.Length + token.Length + after.Length;
        var request = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            Encoding.ASCII.GetBytes(before, request);
            token.CopyTo(request.AsMemory(before.Length));
            Encoding.ASCII.GetBytes(after, request.AsSpan(before.Length + token.Length));
            await WriteAsync(connection, request.AsMemory(0, length), _who, cancellationToken);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(request.AsSpan(0, length));
            ArrayPool<byte>.Shared.Return(request);
        }
    }

    private static async Task WriteAsync(Stream connection, ReadOnlyMemory<byte> bytes, string who, CancellationToken cancellationToken)
    {
        try
        {
            await connection.WriteAsync(bytes, cancellationToken);
        }
        catch (IOException e)
        {
            throw new DialException($"{who} cut the connection before our request was sent", e) { MayPass = true };
        }
    }

    // RFC 6455 §4.1: what a client checks in the answer before it believes that it speaks WebSocket.
    private void RequireUpgrade(AnswerHead answer, string key)
    {
        if (answer.Status != 101)
        {
            throw new DialException($"{_who} refused the tunnel with status {answer.Status}{Hint(answer.Status)}")
            {
                MayPass = answer.MayPass,
                RetryAfter = answer.RetryAfter,
                Kind = answer.Status is 401 or 403 ? NoticeKind.Auth : NoticeKind.Gateway,
            };
        }

        if (!answer.Lists("Upgrade", "websocket") || !answer.Lists("Connection", "Upgrade")
            || answer.Header("Sec-WebSocket-Accept") != WebSocketHandshake.AcceptFor(key))
            throw new DialException($"{_who} answered 101, but not as a WebSocket server does");
        if (!string.IsNullOrEmpty(answer.Header("Sec-WebSocket-Extensions")) || !string.IsNullOrEmpty(answer.Header("Sec-WebSocket-Protocol")))
            throw new DialException($"{_who} chose a WebSocket extension or subprotocol that was not offered");
    }

    private static string Hint(int status) => status switch
    {
        401 => ": it does not know the session's token, or no longer",
        403 => ": this session may not open tunnels",
        404 => ": is there a Fairlead gateway at this address and path?",
        415 => ": it does not know the tunnel's media type; is it a Fairlead gateway?",
        429 or 503 => ": it has too many tunnels open, or is going down; try again later",
        >= 300 and <= 399 => ": redirects are not followed; give the gateway's final address",
        _ => "",
    };
}
