using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using Fairlead.Wire;

namespace Fairlead.Gateway.Upstream;

/// <summary>
/// The only place of the gateway that connects a socket: resolve once, check every answer, dial a checked address, verify TLS for the
/// canonical name. What it returns is a verified connection; anything else is an <see cref="UpstreamException"/>.
/// </summary>
internal sealed class UpstreamDialer(UpstreamOptions options, TimeProvider time)
{
    // One address that swallows packets must not use up the time of the others.
    private static readonly TimeSpan PerAddress = TimeSpan.FromSeconds(3);

    private readonly OwnAddresses _own = new(time);

    /// <summary>True when a literal address may be dialled; names are judged when they are resolved.</summary>
    public bool MayDial(HostPort destination, out string? reason)
    {
        reason = destination.Address is null || options.Resolve.ContainsKey(destination.Host) ? null : Refuses(destination.Address);
        return reason is null;
    }

    /// <summary>Connects and verifies.</summary>
    /// <param name="destination">Where to; its host is also the name that the certificate must be for.</param>
    /// <param name="offersHttp2">True to offer h2 beside http/1.1 by ALPN.</param>
    /// <param name="cancellationToken">Ends the attempt when nobody waits for it any more.</param>
    /// <exception cref="UpstreamException">A hop failed; the exception says which and why.</exception>
    public async Task<SslStream> DialAsync(HostPort destination, bool offersHttp2, CancellationToken cancellationToken)
    {
        var addresses = await ResolveAsync(destination, cancellationToken);
        var socket = await ConnectAsync(destination, addresses, cancellationToken);
        return await AuthenticateAsync(destination, socket, offersHttp2, cancellationToken);
    }

    private async Task<IPEndPoint[]> ResolveAsync(HostPort destination, CancellationToken cancellationToken)
    {
        if (options.Resolve.TryGetValue(destination.Host, out var given))
            return [new IPEndPoint(given.Address, given.Port == 0 ? destination.Port : given.Port)];

        IPAddress[] addresses;
        if (destination.Address is not null)
        {
            addresses = [destination.Address];
        }
        else
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            limit.CancelAfter(options.ResolveTimeout);
            try
            {
                // The trailing dot keeps the search list of resolv.conf out: "api.example.com" must not become "api.example.com.corp".
                addresses = await Dns.GetHostAddressesAsync(destination.Host + ".", limit.Token);
            }
            catch (SocketException e)
            {
                throw new UpstreamException(UpstreamFailure.Dns, $"DNS has no address for {destination.Host}: {e.Message}", e);
            }
            catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
            {
                throw new UpstreamException(UpstreamFailure.DnsTimeout, $"DNS did not answer for {destination.Host} within {options.ResolveTimeout.TotalSeconds} s", e);
            }

            if (addresses.Length == 0) throw new UpstreamException(UpstreamFailure.Dns, $"DNS has no address for {destination.Host}");
        }

        // All answers are checked, not only the one that is dialled: a mixed answer is an attempt to slip one in.
        foreach (var address in addresses)
        {
            if (Refuses(address) is { } what)
                throw new UpstreamException(UpstreamFailure.AddressForbidden, $"{destination.Host} has the address {address}, which is {what} and may never be dialled");
        }

        return [.. addresses.Select(a => new IPEndPoint(a, destination.Port))];
    }

    private string? Refuses(IPAddress address) => AddressGuard.Refuses(address) ?? (_own.Contains(address) ? "the gateway's own" : null);

    private async Task<Socket> ConnectAsync(HostPort destination, IPEndPoint[] addresses, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(options.ConnectTimeout);
        Exception? last = null;
        foreach (var address in addresses)
        {
            var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            using var attempt = CancellationTokenSource.CreateLinkedTokenSource(limit.Token);
            if (addresses.Length > 1) attempt.CancelAfter(PerAddress);
            try
            {
                await socket.ConnectAsync(address, attempt.Token);
                return socket;
            }
            catch (Exception e) when (e is SocketException or OperationCanceledException)
            {
                socket.Dispose();
                cancellationToken.ThrowIfCancellationRequested();
                last = e;
            }
        }

        if (last is SocketException refused)
            throw new UpstreamException(UpstreamFailure.Connect, $"connecting to {destination} ({addresses[^1].Address}) failed: {refused.Message}", refused);
        throw new UpstreamException(UpstreamFailure.ConnectTimeout, $"{destination} ({addresses[^1].Address}) did not accept a connection within {options.ConnectTimeout.TotalSeconds} s", last);
    }

    private async Task<SslStream> AuthenticateAsync(HostPort destination, Socket socket, bool offersHttp2, CancellationToken cancellationToken)
    {
        var trust = new UpstreamTrust(options.ExtraRoots, destination.Host, time);
        var stream = new SslStream(new NetworkStream(socket, ownsSocket: true), leaveInnerStreamOpen: false);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(options.HandshakeTimeout);
        try
        {
            await stream.AuthenticateAsClientAsync(
                new SslClientAuthenticationOptions
                {
                    TargetHost = destination.Host,
                    EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
                    ApplicationProtocols = offersHttp2 ? [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11] : [SslApplicationProtocol.Http11],
                    RemoteCertificateValidationCallback = trust.Accepts,
                    AllowRenegotiation = false,
                },
                limit.Token);
            return stream;
        }
        catch (Exception e)
        {
            await stream.DisposeAsync();
            cancellationToken.ThrowIfCancellationRequested();
            throw e switch
            {
                AuthenticationException when trust.Problem is not null => new UpstreamException(UpstreamFailure.Tls, $"TLS with {destination} failed: {trust.Problem}", e),
                AuthenticationException or IOException => new UpstreamException(UpstreamFailure.Tls, $"TLS with {destination} failed: {Innermost(e).Message}", e),
                OperationCanceledException => new UpstreamException(UpstreamFailure.ConnectTimeout, $"the TLS handshake with {destination} took longer than {options.HandshakeTimeout.TotalSeconds} s", e),
                _ => e,
            };
        }
    }

    private static Exception Innermost(Exception e)
    {
        while (e.InnerException is not null) e = e.InnerException;
        return e;
    }
}
