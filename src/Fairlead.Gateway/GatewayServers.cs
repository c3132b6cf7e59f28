using System.Diagnostics;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Fairlead.Gateway.Configuration;
using Fairlead.Gateway.Interception;
using Fairlead.Gateway.Tunnels;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Fairlead.Gateway;

/// <summary>How Kestrel is set up: for relays and administration, and for what is inside tunnels.</summary>
internal static class GatewayServers
{
    // Decoded. A head of HTTP/2 may be a thousandth of this on the wire, and a connection has a hundred at once.
    private const int LargestHeadBytes = 64 * 1024;

    // A head that takes longer is sent to hold a connection.
    private static readonly TimeSpan HeadTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan ShutdownTimeout = TimeSpan.FromSeconds(10);

    // The empty builder: no appsettings.json, no ASPNETCORE_ variables, nothing that opens a listener or changes a limit behind the operator's back.
    public static WebApplicationBuilder NewBuilder(LogLevel logLevel)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        ConfigureLogging(builder.Logging, logLevel);
        builder.Services.Configure<HostOptions>(o => o.ShutdownTimeout = ShutdownTimeout);
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration();
        builder.Services.AddSingleton<IMemoryPoolFactory<byte>>(LargeBlockPool.Instance);
        return builder;
    }

    public static void ConfigureLogging(ILoggingBuilder logging, LogLevel logLevel)
    {
        logging.SetMinimumLevel(LogLevel.Warning).AddFilter("Fairlead", logLevel);
        // A workload that breaks HTTP or TLS is the audit's business, not the operator's log.
        // What a request of ours throws unforeseen, RequestHandler logs.
        logging.AddFilter("Microsoft.AspNetCore.Server.Kestrel", LogLevel.Critical);
        // It has a critical line for every frame behind one that was too many.
        logging.AddFilter("Microsoft.AspNetCore.Server.Kestrel.Http2", LogLevel.None);
        // It writes nothing that we show, and makes an Activity with two ids of each request to write it with.
        logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.None);
        // A start that fails is told once, by Program.
        logging.AddFilter("Microsoft.Extensions.Hosting", LogLevel.None);
        logging.AddSimpleConsole(o =>
        {
            o.SingleLine = true;
            o.UseUtcTimestamp = true;
            o.TimestampFormat = "yyyy-MM-dd'T'HH:mm:ss.fff'Z' ";
        });
        logging.Services.Configure<Microsoft.Extensions.Logging.Console.ConsoleLoggerOptions>(o => o.LogToStandardErrorThreshold = LogLevel.Trace);
    }

    public static WebApplication Build(WebApplicationBuilder builder, GatewayOptions.ListenOptions listen, long maxBodyBytes)
    {
        builder.Services.AddSingleton<IConnectionListenerFactory>(new OuterListener());
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = maxBodyBytes;
            kestrel.Limits.RequestHeadersTimeout = HeadTimeout;
            // A relay asks once and goes, or upgrades.
            kestrel.Limits.KeepAliveTimeout = TimeSpan.FromSeconds(15);
            kestrel.Listen(listen.EndPoint, options =>
            {
                options.Protocols = HttpProtocols.Http1;
                if (!listen.IsHttps) return;
                var tls = TlsOf(listen);
                options.Use(next => async connection =>
                {
                    if (await ((OuterConnection)connection).SecureAsync(tls)) await next(connection);
                });
            });
        });
        return builder.Build();
    }

    public static WebApplication BuildInner(WebApplicationBuilder builder, TunnelListener listener, TlsInterception interception)
    {
        builder.Services.AddSingleton<IConnectionListenerFactory>(listener);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            // The upstream's limits are the upstream's; ours are those that keep the gateway standing.
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Limits.MinRequestBodyDataRate = null;
            kestrel.Limits.MinResponseDataRate = null;
            kestrel.Limits.MaxRequestLineSize = 64 * 1024;
            kestrel.Limits.MaxRequestHeadersTotalSize = LargestHeadBytes;
            kestrel.Limits.MaxRequestHeaderCount = 200;
            kestrel.Limits.RequestHeadersTimeout = HeadTimeout;
            kestrel.Limits.Http2.MaxRequestHeaderFieldSize = 64 * 1024;
            // A peer that is gone without a word holds its streams until it misses a ping. One that is there may be silent for hours.
            kestrel.Limits.Http2.KeepAlivePingDelay = TimeSpan.FromSeconds(60);
            kestrel.Limits.Http2.KeepAlivePingTimeout = TimeSpan.FromSeconds(60);
            kestrel.Limits.Http2.InitialConnectionWindowSize = 4 * 1024 * 1024;
            kestrel.Limits.Http2.InitialStreamWindowSize = 1024 * 1024;
            // Header values are bytes to us: Latin-1 carries each of them through unchanged. (Targets must be ASCII: RequestTarget.)
            kestrel.RequestHeaderEncodingSelector = _ => Encoding.Latin1;
            kestrel.ResponseHeaderEncodingSelector = _ => Encoding.Latin1;
            kestrel.Listen(TunnelEndPoint.Instance, interception.Use);
        });
        var app = builder.Build();
        MalformedRequests.Watch(app.Services.GetRequiredService<DiagnosticListener>());
        return app;
    }

    // One context for all connections: it is what sessions are resumed by (RFC 8446 §2.2).
    private static SslServerAuthenticationOptions TlsOf(GatewayOptions.ListenOptions listen)
    {
        try
        {
            var certificate = X509Certificate2.CreateFromPemFile(listen.CertificateFile!, listen.KeyFile);
            var chain = new X509Certificate2Collection();
            chain.ImportFromPemFile(listen.CertificateFile!);
            return new SslServerAuthenticationOptions
            {
                ServerCertificateContext = SslStreamCertificateContext.Create(certificate, chain, offline: true),
                ApplicationProtocols = [SslApplicationProtocol.Http11],
                EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
                AllowRenegotiation = false,
            };
        }
        catch (System.Security.Cryptography.CryptographicException e)
        {
            throw new InvalidDataException($"expected a certificate in {listen.CertificateFile} and its key in {listen.KeyFile}: {e.Message}", e);
        }
    }
}
