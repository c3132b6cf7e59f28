using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using Fairlead.Gateway.Credentials;
using Fairlead.Gateway.Policy;
using Fairlead.Wire;

namespace Fairlead.Gateway.Upstream;

/// <summary>
/// The only place of the gateway that connects a socket: resolve, check every answer, dial a checked address, verify TLS for the
/// canonical name. What it returns is a verified connection; anything else is an <see cref="UpstreamException"/>.
/// </summary>
/// <param name="options">Limits, proxies and trust.</param>
/// <param name="own">Where the gateway listens.</param>
/// <param name="time">The clock.</param>
/// <param name="names">Resolves names; null for the machine's resolver.</param>
internal sealed class UpstreamDialer(UpstreamOptions options, OwnListeners own, TimeProvider time, NameLookup? names = null)
{
    private readonly ConnectionRace _race = new(time);
    private readonly NameLookup _names = names ?? new NameLookup(options.DnsTtl, time);

    private readonly OwnAddresses _ownAddresses = new(time);

    /// <summary>True when a literal address may be dialled; names are judged when they are resolved.</summary>
    public bool MayDial(HostPort destination, AddressExceptions exceptions, out string? reason)
    {
        reason = destination.Address is null || options.Resolve.ContainsKey(destination.Host) ? null : Refuses(destination.Address, exceptions);
        if (reason is null && destination.Address is not null && !options.Resolve.ContainsKey(destination.Host) && own.Contain(new IPEndPoint(destination.Address, destination.Port)))
            reason = "the gateway itself";
        return reason is null;
    }

    /// <summary>Connects and verifies TLS.</summary>
    /// <param name="caller">The session, whose share of the resolver it costs.</param>
    /// <param name="destination">Where to; its host is also the name that the certificate must be for.</param>
    /// <param name="exceptions">Which addresses besides public ones may be dialled.</param>
    /// <param name="offersHttp2">True to offer h2 beside http/1.1 by ALPN.</param>
    /// <param name="certificate">What it is shown when it asks for it, or null.</param>
    /// <param name="cancellationToken">Ends the attempt when nobody waits for it any more.</param>
    /// <exception cref="UpstreamException">A hop failed; the exception says which and why.</exception>
    public async Task<SslStream> DialAsync(string caller, HostPort destination, AddressExceptions exceptions, bool offersHttp2, ClientCertificate? certificate, CancellationToken cancellationToken)
    {
        var connection = await ConnectAsync(caller, destination, exceptions, cancellationToken);
        return await UpstreamTls.AuthenticateAsync(connection, destination, offersHttp2, certificate, options, time, cancellationToken);
    }

    /// <summary>Connects, and leaves TLS to the caller.</summary>
    /// <param name="caller">The session, whose share of the resolver it costs.</param>
    /// <param name="destination">Where to.</param>
    /// <param name="exceptions">Which addresses besides public ones may be dialled.</param>
    /// <param name="cancellationToken">Ends the attempt when nobody waits for it any more.</param>
    /// <exception cref="UpstreamException">A hop failed; the exception says which and why.</exception>
    public async Task<NetworkStream> ConnectAsync(string caller, HostPort destination, AddressExceptions exceptions, CancellationToken cancellationToken)
    {
        if (options.Resolve.TryGetValue(destination.Host, out var given))
            return await ConnectToAsync(destination.ToString(), null, [new IPEndPoint(given.Address, given.Port == 0 ? destination.Port : given.Port)], cancellationToken);
        var proxy = options.Proxies.FirstOrDefault(p => p.IsFor(destination));
        // A name that the proxy resolves has no address here that could be checked; a literal address always has.
        var resolves = destination.Address is not null || proxy is not { Address: not null, ResolvesHere: false };
        IPEndPoint[] addresses = resolves ? [.. (await ResolveAsync(caller, destination, exceptions, cancellationToken)).Select(a => new IPEndPoint(a, destination.Port))] : [];
        // A proxy may well be on this machine, or the address be public: what it is asked for is checked as if it were dialled.
        RefuseOwn(destination.ToString(), addresses);
        return proxy?.Address is null
            ? await ConnectToAsync(destination.ToString(), Asked(destination), addresses, cancellationToken)
            : await ConnectThroughAsync(caller, proxy, destination, resolves ? addresses[0].ToString() : destination.ToString(), cancellationToken);
    }

    // What the machine itself has is not public, even when its address is; a private one that a policy excepts is reached, but for the listeners.
    private string? Refuses(IPAddress address, AddressExceptions exceptions) =>
        AddressGuard.Refuses(address, exceptions) ?? (!exceptions.Contain(address) && _ownAddresses.Contains(address) ? "the gateway's own" : null);

    private async Task<NetworkStream> ConnectThroughAsync(string caller, EgressProxy proxy, HostPort destination, string target, CancellationToken cancellationToken)
    {
        // The operator names the proxy as this machine knows it: by its hosts file and search list, and most often at a private address.
        var addresses = proxy.Address!.Address is { } literal ? [literal] : await ResolveAsync(caller, proxy.Address.Host, proxy.Address.Host, cancellationToken);
        var connection = await ConnectToAsync($"the gateway's proxy {proxy.Address}", proxy.Address.Host, [.. addresses.Select(a => new IPEndPoint(a, proxy.Address.Port))], cancellationToken);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(options.ConnectTimeout);
        try
        {
            await proxy.OpenAsync(connection, destination, target, limit.Token);
            return connection;
        }
        catch (Exception e)
        {
            await connection.DisposeAsync();
            cancellationToken.ThrowIfCancellationRequested();
            throw e switch
            {
                UpstreamException => e,
                OperationCanceledException => new UpstreamException(UpstreamFailure.ConnectTimeout, $"the gateway's proxy {proxy.Address} did not open a tunnel to {destination} within {options.ConnectTimeout.TotalSeconds} s", e),
                _ => new UpstreamException(UpstreamFailure.Proxy, $"the connection to the gateway's proxy {proxy.Address} broke: {e.Message}", e),
            };
        }
    }

    // The trailing dot keeps the search list of resolv.conf out: "api.example.com" must not become "api.example.com.corp".
    private static string Asked(HostPort destination) => destination.Host + ".";

    private async Task<IPAddress[]> ResolveAsync(string caller, HostPort destination, AddressExceptions exceptions, CancellationToken cancellationToken)
    {
        var addresses = destination.Address is { } literal ? [literal] : await ResolveAsync(caller, Asked(destination), destination.Host, cancellationToken);
        // All answers are checked, not only the one that is dialled: a mixed answer is an attempt to slip one in.
        foreach (var address in addresses)
        {
            if (Refuses(address, exceptions) is { } what)
                throw new UpstreamException(UpstreamFailure.AddressForbidden, $"{destination.Host} has the address {address}, which is {what} and may never be dialled");
        }

        return addresses;
    }

    private async Task<IPAddress[]> ResolveAsync(string caller, string name, string shown, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(options.ResolveTimeout);
        try
        {
            var addresses = await _names.ResolveAsync(caller, name, limit.Token);
            return addresses.Length > 0 ? addresses : throw new UpstreamException(UpstreamFailure.Dns, $"DNS has no address for {shown}");
        }
        catch (SocketException e)
        {
            throw new UpstreamException(UpstreamFailure.Dns, $"DNS has no address for {shown}: {e.Message}", e);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new UpstreamException(UpstreamFailure.DnsTimeout, $"DNS did not answer for {shown} within {options.ResolveTimeout.TotalSeconds} s", e);
        }
    }

    private void RefuseOwn(string whom, IPEndPoint[] addresses)
    {
        foreach (var address in addresses)
        {
            if (own.Contain(address))
                throw new UpstreamException(UpstreamFailure.AddressForbidden, $"{whom} has the address {address.Address}, where the gateway itself listens on port {address.Port}, which may never be dialled");
        }
    }

    private async Task<NetworkStream> ConnectToAsync(string whom, string? name, IPEndPoint[] addresses, CancellationToken cancellationToken)
    {
        RefuseOwn(whom, addresses);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(options.ConnectTimeout);
        var shown = string.Join(", ", addresses.Take(3).Select(a => a.Address)) + (addresses.Length > 3 ? $" and {addresses.Length - 3} more" : "");
        try
        {
            return new NetworkStream(await _race.ConnectAsync(addresses, limit.Token), ownsSocket: true);
        }
        catch (SocketException e)
        {
            Forget();
            throw new UpstreamException(UpstreamFailure.Connect, $"connecting to {whom} ({shown}) failed: {e.Message}", e);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            Forget();
            throw new UpstreamException(UpstreamFailure.ConnectTimeout, $"{whom} ({shown}) did not accept a connection within {options.ConnectTimeout.TotalSeconds} s", e);
        }

        // It may have moved.
        void Forget()
        {
            if (name is not null) _names.Forget(name);
        }
    }
}
