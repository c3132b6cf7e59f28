using System.Collections.Concurrent;
using System.Net.WebSockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Threading.Channels;
using Fairlead.Tests.Wire.Oracle;
using Google.Protobuf;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Fairlead.Tests.Relay;

/// <summary>The other end of the tunnel, made of Kestrel's WebSockets and Google's protobuf: it shares no code with what it judges.</summary>
internal sealed class TestGateway : IAsyncDisposable
{
    public const string CaPath = "/v1/code/upstreamproxy/ca-cert";
    public const string WebSocketPath = "/v1/code/upstreamproxy/ws";

    private readonly WebApplication _app;
    private readonly Channel<Task<GatewayTunnel>> _tunnels = Channel.CreateUnbounded<Task<GatewayTunnel>>();
    private readonly Dictionary<Task<UpstreamProxyChunk?>, GatewayTunnel> _unasked = [];
    private readonly CancellationTokenSource _end = new();

    private TestGateway(WebApplication app) => _app = app;

    public string Url => _app.Services.GetRequiredService<Microsoft.AspNetCore.Hosting.Server.IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();

    public int Port => new Uri(Url).Port;

    /// <summary>Set to answer these two endpoints otherwise.</summary>
    public RequestDelegate? OnCa { get; set; }

    public RequestDelegate? OnUpgrade { get; set; }

    public bool KnowsEndOfData { get; set; } = true;

    public bool KnowsReuse { get; set; }

    /// <summary>How often a WebSocket was asked for.</summary>
    public int Upgrades => RequestLines.Count(line => line.EndsWith(WebSocketPath, StringComparison.Ordinal));

    public ConcurrentQueue<string> RequestLines { get; } = new();

    public static string CaPem { get; } = Certificates.Ca().ExportCertificatePem() + "\n";

    public static async Task<TestGateway> StartAsync(X509Certificate2? certificate = null, int port = 0)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(System.Net.IPAddress.Loopback, port, listen =>
        {
            listen.Protocols = HttpProtocols.Http1;
            if (certificate is not null) listen.UseHttps(certificate);
        }));
        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = TimeSpan.FromMilliseconds(100));
        var app = builder.Build();
        var gateway = new TestGateway(app);
        app.UseWebSockets();
        app.Run(gateway.AnswerAsync);
        await app.StartAsync();
        return gateway;
    }

    /// <summary>The next tunnel that the relay opened, in the order in which it asked.</summary>
    public async Task<GatewayTunnel> AcceptAsync() => await (await _tunnels.Reader.ReadAsync(Limits.Token)).WaitAsync(Limits.Token);

    /// <summary>The next tunnel on which something is said, and what: the relay may have opened a WebSocket ahead of need meanwhile.</summary>
    public async Task<(GatewayTunnel Tunnel, UpstreamProxyChunk? First)> AcceptAskedAsync()
    {
        while (true)
        {
            while (_tunnels.Reader.TryRead(out var next))
            {
                var tunnel = await next.WaitAsync(Limits.Token);
                _unasked.Add(tunnel.ReadChunkAsync(), tunnel);
            }

            if (_unasked.Keys.FirstOrDefault(first => first.IsCompleted) is { } first && _unasked.Remove(first, out var asked)) return (asked, await first);
            await Task.WhenAny([_tunnels.Reader.WaitToReadAsync(Limits.Token).AsTask(), .. _unasked.Keys]);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await _app.DisposeAsync();
    }

    private async Task AnswerAsync(HttpContext context)
    {
        RequestLines.Enqueue($"{context.Request.Method} {context.Request.Path}");
        var path = context.Request.Path.Value!;
        if (path.EndsWith(CaPath, StringComparison.Ordinal))
        {
            if (OnCa is not null) await OnCa(context);
            else await context.Response.WriteAsync(CaPem);
        }
        else if (path.EndsWith(WebSocketPath, StringComparison.Ordinal) && OnUpgrade is not null)
        {
            await OnUpgrade(context);
        }
        else if (path.EndsWith(WebSocketPath, StringComparison.Ordinal) && context.WebSockets.IsWebSocketRequest)
        {
            await ServeAsync(context);
        }
        else
        {
            context.Response.StatusCode = 404;
        }
    }

    /// <summary>Accepts an upgrade.</summary>
    public async Task ServeAsync(HttpContext context)
    {
        if (KnowsEndOfData) context.Response.Headers["Fairlead-Tunnel"] = "1";
        if (KnowsReuse) context.Response.Headers["Fairlead-Reuse"] = "1";
        // Queued before the relay has the answer, and can ask for another one.
        var accepted = new TaskCompletionSource<GatewayTunnel>(TaskCreationOptions.RunContinuationsAsynchronously);
        await _tunnels.Writer.WriteAsync(accepted.Task);
        using var socket = await context.WebSockets.AcceptWebSocketAsync();
        var tunnel = new GatewayTunnel(socket, context, context.Request.Headers.ToDictionary(h => h.Key, h => h.Value.ToString(), StringComparer.OrdinalIgnoreCase));
        accepted.SetResult(tunnel);
        await tunnel.IsOver.Task.WaitAsync(_end.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }
}

/// <summary>One tunnel at the gateway. The test reads and writes it message by message.</summary>
internal sealed class GatewayTunnel(WebSocket socket, HttpContext context, Dictionary<string, string> headers)
{
    public TaskCompletionSource IsOver { get; } = new();

    public IReadOnlyDictionary<string, string> Headers => headers;

    public WebSocketCloseStatus? CloseStatus => socket.CloseStatus;

    public async Task<byte[]?> ReadMessageAsync()
    {
        var message = new MemoryStream();
        var buffer = new byte[64 * 1024];
        while (true)
        {
            var part = await socket.ReceiveAsync(buffer.AsMemory(), Limits.Token);
            if (part.MessageType == WebSocketMessageType.Close) return null;
            Assert.Equal(WebSocketMessageType.Binary, part.MessageType);
            message.Write(buffer, 0, part.Count);
            if (part.EndOfMessage) return message.ToArray();
        }
    }

    public async Task<UpstreamProxyChunk?> ReadChunkAsync() =>
        await ReadMessageAsync() is { } message ? UpstreamProxyChunk.Parser.ParseFrom(message) : null;

    /// <summary>Reads data until so many bytes have come.</summary>
    public async Task<string> ReadTextAsync(int bytes)
    {
        var text = new StringBuilder();
        while (text.Length < bytes) text.Append(Encoding.Latin1.GetString((await ReadChunkAsync())!.Data.Span));
        return text.ToString();
    }

    public Task SendAsync(string text) => SendAsync(new UpstreamProxyChunk { Data = ByteString.CopyFrom(text, Encoding.Latin1) });

    public async Task SendAsync(UpstreamProxyChunk chunk) =>
        await socket.SendAsync(chunk.ToByteArray().AsMemory(), WebSocketMessageType.Binary, endOfMessage: true, Limits.Token);

    public Task SendRawAsync(byte[] message, WebSocketMessageType type = WebSocketMessageType.Binary) =>
        socket.SendAsync(message, type, endOfMessage: true, Limits.Token);

    public Task CloseAsync(WebSocketCloseStatus status = WebSocketCloseStatus.NormalClosure) => socket.CloseOutputAsync(status, "", Limits.Token);

    /// <summary>Cuts the connection without a word.</summary>
    public void Abort() => context.Abort();
}
