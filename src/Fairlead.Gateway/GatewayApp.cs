using System.Net;
using System.Reflection;
using System.Runtime.InteropServices;
using Fairlead.Gateway.Audit;
using Fairlead.Gateway.Configuration;
using Fairlead.Gateway.Interception;
using Fairlead.Gateway.Sessions;
using Fairlead.Gateway.Sinks;
using Fairlead.Gateway.Telemetry;
using Fairlead.Gateway.Tunnels;
using Fairlead.Gateway.Upstream;
using Fairlead.Wire;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;

[assembly: System.Runtime.Versioning.SupportedOSPlatform("linux")]

namespace Fairlead.Gateway;

/// <summary>
/// Composition only. Servers that share no listener and no route: the outer one, where relays arrive, the inner one, whose connections
/// are tunnels, and one for whoever administers the gateway. So nothing that is asked inside a tunnel can reach an endpoint of the gateway.
/// </summary>
internal sealed class GatewayApp : IAsyncDisposable
{
    private const int PrSetDumpable = 4;
    private const long MaxAdminBodyBytes = 64 * 1024;
    private readonly WebApplication _outer;
    private readonly WebApplication _inner;
    private readonly Parking _parking;
    private readonly AuditLog _audit;
    private readonly SinkSet _sinks;
    private readonly UpstreamClients _clients;
    private readonly CertificateAuthorities _authorities;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _watching;
    private readonly SessionRegistry _sessions;
    private readonly ILogger _logger;
    private readonly GatewayOptions _started;
    private readonly GatewayMetrics _metrics;
    private readonly Traces? _traces;
    private GatewayOptions _inForce;
    private AdminEndpoint? _admin;
    private WebApplication? _adminServer;

    private GatewayApp(
        WebApplication outer, WebApplication inner, Parking parking, AuditLog audit, SinkSet sinks, UpstreamClients clients, CertificateAuthorities authorities, SessionRegistry sessions, GatewayMetrics metrics, Traces? traces, GatewayOptions options, ILogger logger)
    {
        (_outer, _inner, _parking, _audit, _sinks, _clients, _authorities, _sessions, _metrics, _traces, _started, _inForce, _logger) = (outer, inner, parking, audit, sinks, clients, authorities, sessions, metrics, traces, options, options, logger);
        GatewayGauges.AddTo(metrics, Health, audit, sessions, authorities, traces, () => Volatile.Read(ref _inForce));
        _watching = authorities.WatchAsync(_stopping.Token);
    }

    /// <summary>The base address that relays are given.</summary>
    public string Address { get; private set; } = "";

    /// <summary>The base address of the administration; null where there is none.</summary>
    public string? AdminAddress { get; private set; }

    /// <summary>What is known about the configuration in force.</summary>
    public GatewayHealth Health { get; } = new();

    public ILogger Logger => _logger;

    /// <param name="options">What was configured.</param>
    /// <param name="logLevel">What the log begins with; the audit is not touched by it.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="InvalidDataException">The CA's directory or the gateway's certificate cannot be used.</exception>
    /// <exception cref="IOException">A file or the port cannot be used.</exception>
    public static async Task<GatewayApp> StartAsync(GatewayOptions options, LogLevel logLevel, CancellationToken cancellationToken)
    {
        var time = TimeProvider.System;
        var outerBuilder = GatewayServers.NewBuilder(logLevel);
        var innerBuilder = GatewayServers.NewBuilder(logLevel);
        var listener = new TunnelListener();
        using var startLog = LoggerFactory.Create(logging => GatewayServers.ConfigureLogging(logging, logLevel));
        var logger = startLog.CreateLogger<GatewayApp>();
        KeepMemoryPrivate(logger);
        _ = TlsBuffers.ReleaseWhenIdle();
        var authorities = OpenAuthorities(options.Ca, time, startLog.CreateLogger<CertificateAuthorities>());
        var sinks = new SinkSet(options.Sinks, time);
        var audit = AuditLog.Open(options.Audit, time, startLog.CreateLogger<AuditLog>(), sinks.Progress);
        var own = new OwnListeners();
        if (options.Listen.EndPoint.Port != 0) own.Add(options.Listen.EndPoint.Port);
        var dialer = new UpstreamDialer(options.Upstream, own, time);
        var clients = new UpstreamClients(dialer.DialAsync);

        var metrics = new GatewayMetrics();
        var traces = options.Traces is { } collector ? new Traces(collector, Version, problem => TellOfTraces(logger, collector, problem)) : null;
        var inner = GatewayServers.BuildInner(innerBuilder, listener, new TlsInterception(new LeafCertificates(authorities, time, startLog.CreateLogger<LeafCertificates>()).ForAsync, time));
        var handler = new RequestHandler(new Forwarder(clients, options.Upstream), audit, metrics, traces, time, inner.Services.GetRequiredService<ILogger<RequestHandler>>());
        inner.Run(handler.HandleAsync);

        var outer = GatewayServers.Build(outerBuilder, options.Listen, maxBodyBytes: 0);
        var appLogger = outer.Services.GetRequiredService<ILogger<GatewayApp>>();
        var sessions = new SessionRegistry(options.SessionSet, time);
        sessions.Ended = (id, why) =>
        {
            clients.Drop(id);
            if (sessions.Alive.All(l => l.Current.Id != id || l.Revoked.IsCancellationRequested)) authorities.Forget(id);
            appLogger.SessionEnded(id, why);
        };
        var parking = new Parking(time);
        var connects = new ConnectHandler(new ConnectReader(dialer), listener, new PassthroughTunnel(dialer, audit), audit, metrics, time, outer.Services.GetRequiredService<ILogger<ConnectHandler>>());
        var endpoint = new TunnelEndpoint(sessions, connects, parking, metrics, time);
        var caEndpoint = new CaEndpoint(authorities, sessions, logger);
        outer.Run(context => RouteAsync(context, options.Listen.PathPrefix, endpoint, caEndpoint));

        var app = new GatewayApp(outer, inner, parking, audit, sinks, clients, authorities, sessions, metrics, traces, options, outer.Services.GetRequiredService<ILogger<GatewayApp>>());
        try
        {
            sinks.Start(options.Audit.File, audit.ChainId, outer.Services.GetRequiredService<ILogger<SinkSet>>());
            await inner.StartAsync(cancellationToken);
            await outer.StartAsync(cancellationToken);
            app.Address = AddressOf(outer, options.Listen) + options.Listen.PathPrefix;
            own.Add(new Uri(app.Address).Port);
            if (options.Admin is { } admin) await app.StartAdminAsync(options, admin, time, logLevel, cancellationToken);
            if (app.AdminAddress is { } administration) own.Add(new Uri(administration).Port);
        }
        catch (Exception e)
        {
            await app.DisposeAsync();
            if (e is System.Net.Sockets.SocketException) throw new IOException($"cannot listen on {options.Listen.EndPoint}{(options.Admin is { } other ? $" or {other.Listen.EndPoint}" : "")}: {e.Message}", e);
            throw;
        }

        sessions.FetchKeys();
        logger.Started(Version, options.Sessions.Count, authorities.Text, options.Audit.File);
        Tell(options, logger);
        return app;
    }

    /// <summary>Puts another configuration into force, as far as a running gateway can: sessions, policies, credentials and secrets. Open tunnels of sessions that ended are cut.</summary>
    public void Apply(GatewayOptions next)
    {
        foreach (var section in _started.NeedRestart(next)) _logger.NeedsRestart(section);
        Volatile.Write(ref _inForce, next);
        _sessions.Replace(next.SessionSet);
        _sessions.FetchKeys();
        _admin?.Apply(next, Address);
        Tell(next, _logger);
    }

    /// <summary>Puts another list of revoked sessions into force, and nothing else.</summary>
    public void Revoke(IReadOnlySet<string> revoked) => _sessions.Revoke(revoked);

    public static string Version => typeof(GatewayApp).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0";

    /// <summary>Stops taking tunnels, gives open requests ten seconds, then cuts them.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_adminServer is not null) await _adminServer.DisposeAsync();
        _sessions.Dispose();
        // What waits for a tunnel gets none any more, and nobody waits for it.
        _parking.Close();
        // The inner server first: it lets open requests end, closes the others, and so ends their tunnels; a tunnel that comes meanwhile is refused.
        await _inner.StopAsync();
        await _outer.StopAsync();
        await _outer.DisposeAsync();
        await _inner.DisposeAsync();
        _parking.Dispose();
        _clients.Dispose();
        _audit.Dispose();
        // Behind the audit's last line, which is theirs, too.
        await _sinks.DisposeAsync();
        // A collector that is away may hold this up for some seconds; the audit does not wait for it.
        _traces?.Dispose();
        _metrics.Dispose();
        await _stopping.CancelAsync();
        await _watching;
        _stopping.Dispose();
    }

    private async Task StartAdminAsync(GatewayOptions options, GatewayOptions.AdminOptions admin, TimeProvider time, LogLevel logLevel, CancellationToken cancellationToken)
    {
        _adminServer = GatewayServers.Build(GatewayServers.NewBuilder(logLevel), admin.Listen, MaxAdminBodyBytes);
        _admin = new AdminEndpoint(_sessions, _audit, Health, _metrics, time, _logger);
        _admin.Apply(options, Address);
        _adminServer.Run(_admin.HandleAsync);
        await _adminServer.StartAsync(cancellationToken);
        AdminAddress = AddressOf(_adminServer, admin.Listen);
    }

    private static void TellOfTraces(ILogger logger, CollectorOptions collector, string? problem)
    {
        if (problem is null) logger.TracesAreTaken(collector.Endpoint);
        else logger.TracesAreNotTaken(collector.Endpoint, problem);
    }

    private static string AddressOf(WebApplication server, GatewayOptions.ListenOptions listen)
    {
        var bound = new Uri(server.Services.GetRequiredService<IServer>().Features.GetRequiredFeature<IServerAddressesFeature>().Addresses.First());
        return $"{(listen.IsHttps ? "https" : "http")}://{bound.Authority}";
    }

    private static void Tell(GatewayOptions options, ILogger logger)
    {
        foreach (var warning in options.Warnings) logger.ConfigWarning(warning);
        foreach (var secret in options.FetchedSecrets)
        {
            secret.Noted = note => logger.SecretNoted(secret.Name, note);
            secret.Changed = problem =>
            {
                if (problem is null) logger.SecretAvailable(secret.Name);
                else logger.SecretUnavailable(secret.Name, problem);
            };
        }

        foreach (var policy in options.Sessions.GroupBy(s => s.Policy.Hash))
        {
            var rules = policy.First().Policy;
            logger.PolicyInForce(rules.Name, rules.Mode.ToString().ToLowerInvariant(), rules.Rules.Count, rules.Hash, string.Join(", ", policy.Select(s => s.Id).Take(20)));
        }
    }

    private static CertificateAuthorities OpenAuthorities(CaOptions options, TimeProvider time, ILogger logger)
    {
        try
        {
            return new CertificateAuthorities(options, time, logger);
        }
        catch (System.Security.Cryptography.CryptographicException e)
        {
            throw new InvalidDataException($"the CA's certificate cannot be used: {e.Message}", e);
        }
    }

    private static Task RouteAsync(HttpContext context, string prefix, TunnelEndpoint endpoint, CaEndpoint caEndpoint)
    {
        var path = context.Request.Path.Value ?? "";
        if (path == prefix + Protocol.WebSocketPath) return endpoint.HandleAsync(context);
        if (path == prefix + Protocol.CaCertificatePath && (HttpMethods.IsGet(context.Request.Method) || HttpMethods.IsHead(context.Request.Method))) return caEndpoint.HandleAsync(context);
        context.Response.StatusCode = (int)HttpStatusCode.NotFound;
        return context.Response.WriteAsync($"fairlead-gateway: nothing is served here. Relays use {prefix}{Protocol.WebSocketPath}\n");
    }

    // Another process of the same user must not read secrets out of our memory or environment.
    private static void KeepMemoryPrivate(ILogger logger)
    {
        if (Prctl(PrSetDumpable, 0) != 0) logger.StaysDumpable(Marshal.GetLastPInvokeError());
    }

    [DllImport("libc", EntryPoint = "prctl", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Prctl(int option, nuint value);
}
