using System.Collections.Concurrent;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Fairlead.EndToEnd.Origins;

/// <summary>A service that the gateway itself asks for tokens, at localhost, under a root of its own.</summary>
internal sealed class TokenServer : IAsyncDisposable
{
    private readonly TestAuthority _authority = new("Token Server Test CA");
    private readonly WebApplication _app;

    private TokenServer(WebApplication app) => _app = app;

    public string RootPem => _authority.Pem;

    /// <summary>What was asked, in order.</summary>
    public ConcurrentQueue<Asked> Questions { get; } = new();

    public Uri Url { get; private set; } = null!;

    /// <param name="answer">Status and JSON for a question.</param>
    public static async Task<TokenServer> StartAsync(Func<Asked, (int Status, string Text)> answer)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        TokenServer? server = null;
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(System.Net.IPAddress.Loopback, 0, listener => listener.UseHttps(new HttpsConnectionAdapterOptions { ServerCertificateSelector = (_, _) => server!._authority.Issue(["localhost"], []) })));
        var app = builder.Build();
        server = new TokenServer(app);
        app.Run(async context =>
        {
            using var body = new StreamReader(context.Request.Body, Encoding.UTF8);
            var asked = new Asked(context.Request.Method, context.Request.Path + context.Request.QueryString, context.Request.Headers.Authorization.ToString(), await body.ReadToEndAsync(context.RequestAborted));
            server.Questions.Enqueue(asked);
            var (status, text) = answer(asked);
            context.Response.StatusCode = status;
            await context.Response.WriteAsync(text, context.RequestAborted);
        });
        await app.StartAsync(Limits.Token());
        server.Url = new UriBuilder(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single()) { Host = "localhost" }.Uri;
        return server;
    }

    public async ValueTask DisposeAsync()
    {
        using var now = new CancellationTokenSource();
        await now.CancelAsync();
        await _app.StopAsync(now.Token);
        await _app.DisposeAsync();
        _authority.Dispose();
    }

    /// <summary>A question.</summary>
    internal sealed record Asked(string Method, string Target, string Authorization, string Body);
}
