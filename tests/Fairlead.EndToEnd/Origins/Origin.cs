using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Fairlead.EndToEnd.Harness;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Fairlead.EndToEnd.Origins;

/// <summary>The server at the far end: real TLS, HTTP/1.1 and HTTP/2, and an endpoint for each thing that can go right or wrong.</summary>
internal sealed class Origin : IAsyncDisposable
{
    private readonly WebApplication _app;

    private Origin(Func<IPEndPoint, Socket>? listen, IPAddress address)
    {
        Address = address;
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(Configure);
        if (listen is not null) builder.WebHost.UseSockets(sockets => sockets.CreateBoundListenSocket = endPoint => listen((IPEndPoint)endPoint));
        _app = builder.Build();
        _app.Use((context, next) =>
        {
            context.Items[typeof(ReceivedRequest)] = Requests.Add(context);
            return next(context);
        });
        _app.UseWebSockets();
        _app.UseRouting();
        EchoEndpoints.Map(_app);
        ByteEndpoints.Map(_app, this);
        ResponseEndpoints.Map(_app);
        SignalEndpoints.Map(_app, this);
        BrokenEndpoints.Map(_app, this);
        WebSocketEndpoint.Map(_app);
        GitServer.Map(_app, GitRepositories.Path);
        Npm.Map(_app);
        PythonIndex.Map(_app);
        MavenRepository.Map(_app);
        S3Stub.Map(_app, "aws.tools.test", "s3cmd.tools.test", "rclone-s3.tools.test");
        Files.Map(_app);
    }

    public OriginCertificates Certificates { get; } = new();

    public RequestLog Requests { get; } = new();

    public Signals Signals { get; } = new();

    /// <summary>Body bytes written so far, by the key that the request named.</summary>
    public ConcurrentDictionary<string, long> Sent { get; } = new();

    public IPAddress Address { get; }

    public int Port { get; private set; }

    /// <summary>What git.test serves: bare repositories.</summary>
    public TempFolder GitRepositories { get; } = new();

    /// <summary>What npm.test serves.</summary>
    public NpmRegistry Npm { get; } = new();

    /// <summary>What the hosts under tools.test serve.</summary>
    public FileTree Files { get; } = new();

    /// <param name="listen">Makes the listening socket, where it is not to be one of this process's own network.</param>
    /// <param name="address">The address of the listener; loopback by default.</param>
    public static async Task<Origin> StartAsync(Func<IPEndPoint, Socket>? listen = null, IPAddress? address = null)
    {
        var origin = new Origin(listen, address ?? IPAddress.Loopback);
        await origin._app.StartAsync(Limits.Token());
        var addresses = origin._app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses;
        origin.Port = new Uri(addresses.Single()).Port;
        return origin;
    }

    public async ValueTask DisposeAsync()
    {
        // Endpoints that never answer would hold a graceful stop.
        using var now = new CancellationTokenSource();
        await now.CancelAsync();
        await _app.StopAsync(now.Token);
        await _app.DisposeAsync();
        Certificates.Dispose();
        GitRepositories.Dispose();
        Files.Dispose();
    }

    private void Configure(KestrelServerOptions options)
    {
        options.AddServerHeader = false;
        options.RequestHeaderEncodingSelector = _ => Encoding.Latin1;
        options.ResponseHeaderEncodingSelector = _ => Encoding.Latin1;
        options.Limits.MaxRequestBodySize = null;
        options.Limits.MinRequestBodyDataRate = null;
        options.Limits.MinResponseDataRate = null;
        options.Limits.MaxRequestLineSize = 64 * 1024;
        options.Limits.MaxRequestHeadersTotalSize = 128 * 1024;
        options.Limits.Http2.MaxRequestHeaderFieldSize = 64 * 1024;
        options.Listen(Address, 0, listener =>
        {
            listener.Protocols = HttpProtocols.Http1AndHttp2;
            listener.UseHttps(new HttpsConnectionAdapterOptions { ServerCertificateSelector = (_, name) => Certificates.For(name) });
        });
    }
}
