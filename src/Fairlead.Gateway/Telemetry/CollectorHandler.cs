using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Fairlead.Gateway.Credentials;

namespace Fairlead.Gateway.Telemetry;

/// <summary>The way to the collector: without proxies, redirects and cookies, with its own roots and headers. Counts what was not taken.</summary>
internal sealed class CollectorHandler : DelegatingHandler
{
    /// <summary>How long the collector may take: 10 s.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    private readonly IReadOnlyList<InjectedHeader> _headers;
    private readonly Action<string?> _failed;
    private string? _problem;
    private long _failures;

    /// <param name="options">The collector.</param>
    /// <param name="failed">Is told once when it cannot be reached, with the reason, and once, with null, when it can again.</param>
    public CollectorHandler(CollectorOptions options, Action<string?> failed)
        : base(new SocketsHttpHandler
        {
            UseProxy = false,
            AllowAutoRedirect = false,
            UseCookies = false,
            ActivityHeadersPropagator = null,
            ConnectTimeout = Limit,
            SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = options.Roots.Count == 0 ? null : Trusting(options.Roots) },
        })
    {
        (_headers, _failed) = (options.Headers, failed);
    }

    public long Failures => Interlocked.Read(ref _failures);

    // The exporter has a thread of its own and sends without waiting elsewhere.
    protected override HttpResponseMessage Send(HttpRequestMessage request, CancellationToken cancellationToken) => TellAsync(request, r => Task.FromResult(base.Send(r, cancellationToken)), cancellationToken).GetAwaiter().GetResult();

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) => TellAsync(request, r => base.SendAsync(r, cancellationToken), cancellationToken);

    private async Task<HttpResponseMessage> TellAsync(HttpRequestMessage request, Func<HttpRequestMessage, Task<HttpResponseMessage>> send, CancellationToken cancellationToken)
    {
        try
        {
            foreach (var header in _headers) request.Headers.TryAddWithoutValidation(header.Name, (await header.FillAsync(null, cancellationToken)).Reveal());
            var response = await send(request);
            Tell(response.IsSuccessStatusCode ? null : $"it answered {(int)response.StatusCode}");
            return response;
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException or CredentialException)
        {
            Tell(e is OperationCanceledException ? $"no answer within {Limit.TotalSeconds} s" : (e.InnerException ?? e).Message);
            throw;
        }
    }

    private void Tell(string? problem)
    {
        if (problem is not null) Interlocked.Increment(ref _failures);
        var isNews = Interlocked.Exchange(ref _problem, problem) is null != problem is null;
        if (isNews) _failed(problem);
    }

    private static X509ChainPolicy Trusting(X509Certificate2Collection roots)
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.AddRange(roots);
        return policy;
    }
}
