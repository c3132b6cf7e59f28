using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;

namespace Fairlead.Tests.Gateway;

/// <summary>What an origin was asked.</summary>
internal sealed record Seen(string Method, string Target, string Protocol, string Connection, IReadOnlyDictionary<string, string> Headers, string Body);

/// <summary>A real upstream: Kestrel over TLS with a certificate for whatever name it is asked for. It remembers everything.</summary>
internal sealed class Origin : IAsyncDisposable
{
    private readonly WebApplication _app;
    private int _connections;

    private Origin(WebApplication app) => _app = app;

    public IPEndPoint EndPoint { get; private set; } = new(IPAddress.Loopback, 0);

    public ConcurrentQueue<Seen> Requests { get; } = new();

    /// <summary>Connections accepted, whatever came of them.</summary>
    public int Connections => Volatile.Read(ref _connections);

    /// <param name="ca">Issues its certificates.</param>
    /// <param name="answer">Answers; default: a text.</param>
    /// <param name="shown">Takes what a client shows in TLS; where it is given, every client is asked to.</param>
    public static async Task<Origin> StartAsync(OriginCa ca, RequestDelegate? answer = null, Action<X509Certificate2?>? shown = null)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration();
        var certificates = new ConcurrentDictionary<string, Lazy<SslStreamCertificateContext>>();
        Origin? origin = null;
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, options =>
        {
            options.Protocols = HttpProtocols.Http1AndHttp2;
            options.Use(next => connection =>
            {
                Interlocked.Increment(ref origin!._connections);
                return next(connection);
            });
            options.UseHttps(new TlsHandshakeCallbackOptions
            {
                OnConnection = context =>
                {
                    var name = context.ClientHelloInfo.ServerName is { Length: > 0 } asked ? asked : "127.0.0.1";
                    var certificate = certificates.GetOrAdd(name, n => new(() => SslStreamCertificateContext.Create(ca.Issue(n), null, offline: true))).Value;
                    return ValueTask.FromResult(new SslServerAuthenticationOptions
                    {
                        ServerCertificateContext = certificate,
                        ApplicationProtocols = [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11],
                        ClientCertificateRequired = shown is not null,
                        RemoteCertificateValidationCallback = shown is null ? null : (_, certificate, _, _) =>
                        {
                            shown(certificate as X509Certificate2);
                            return certificate is not null;
                        },
                    });
                },
            });
        }));
        var app = builder.Build();
        origin = new Origin(app);
        app.Run(async context =>
        {
            if (answer is not null && context.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody != true)
            {
                origin.Requests.Enqueue(SeenOf(context, ""));
                await answer(context);
                return;
            }

            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body);
            origin.Requests.Enqueue(SeenOf(context, Encoding.Latin1.GetString(body.ToArray())));
            if (answer is not null) await answer(context);
            else await context.Response.WriteAsync("from the origin");
        });
        await app.StartAsync(Limits.Token);
        var address = app.Services.GetRequiredService<IServer>().Features.GetRequiredFeature<IServerAddressesFeature>().Addresses.Single();
        origin.EndPoint = new IPEndPoint(IPAddress.Loopback, new Uri(address).Port);
        return origin;
    }

    public async ValueTask DisposeAsync()
    {
        using var now = new CancellationTokenSource(TimeSpan.Zero);
        await _app.StopAsync(now.Token);
        await _app.DisposeAsync();
    }

    private static Seen SeenOf(HttpContext context, string body) => new(
        context.Request.Method,
        context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget,
        context.Request.Protocol,
        context.Connection.Id,
        context.Request.Headers.ToDictionary(h => h.Key, h => h.Value.ToString(), StringComparer.OrdinalIgnoreCase),
        body);
}
