using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Fairlead.Gateway.Credentials;

/// <summary>
/// A service that the gateway itself asks for tokens or secrets, over https. The operator named its host, no workload did: it is not the guard's business.
/// Proxies, redirects and cookies are not used; an answer has ten seconds and 64 KiB. Nothing that it says is shown as it is: it may hold a secret.
/// </summary>
/// <param name="roots">Trusted for it instead of the system's; empty for the system's.</param>
internal sealed class SecretService(X509Certificate2Collection roots)
{
    /// <summary>How long an answer may take: 10 s.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    private const int MaxBytes = 64 * 1024;

    /// <summary>Asks, and reads the whole answer, whatever its status.</summary>
    /// <param name="request">The request; it is disposed.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="CredentialException">There is no answer.</exception>
    public Task<(HttpStatusCode Status, string Text)> AskAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
        AskAsync(request, async response => (response.StatusCode, TextOf(await response.Content.ReadAsByteArrayAsync(cancellationToken))), cancellationToken);

    /// <summary>Asks, and reads how the answer wants to be authenticated (RFC 9110 §11.6.1).</summary>
    /// <exception cref="CredentialException">There is no answer.</exception>
    public Task<IReadOnlyList<AuthenticationHeaderValue>> ChallengesAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
        AskAsync(request, response => Task.FromResult<IReadOnlyList<AuthenticationHeaderValue>>([.. response.Headers.WwwAuthenticate]), cancellationToken);

    private async Task<T> AskAsync<T>(HttpRequestMessage request, Func<HttpResponseMessage, Task<T>> read, CancellationToken cancellationToken)
    {
        using (request)
        {
            try
            {
                request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
                using var http = NewHttpClient();
                using var response = await http.SendAsync(request, cancellationToken);
                return await read(response);
            }
            catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
            {
                throw new CredentialException($"{Name(request.RequestUri!)} gave no answer: {Reason(e)}", e);
            }
        }
    }

    /// <summary>A URL for a message: without its query, which may hold anything.</summary>
    public static string Name(Uri url) => url.GetLeftPart(UriPartial.Path);

    // A message of .NET quotes a line that is no HTTP: an endpoint that repeats what it is sent would have the secret in it. Those of sockets and of TLS quote nothing of it.
    private static string Reason(Exception e) => e switch
    {
        OperationCanceledException => $"none within {Limit.TotalSeconds} s",
        HttpRequestException { HttpRequestError: HttpRequestError.ResponseEnded } => "it closed the connection",
        HttpRequestException { HttpRequestError: HttpRequestError.ConfigurationLimitExceeded } => $"its head or its body is too long, of which {MaxBytes} bytes are read at most",
        HttpRequestException { InnerException: (SocketException or AuthenticationException) and var cause } => cause.Message,
        _ when e.GetBaseException() is SocketException cause => cause.Message,
        _ => "what it sends is not valid HTTP",
    };

    // RFC 8259 §8.1: JSON is UTF-8. What an answer says of its encoding ("utf8" is common) may be no name of one, and the token of such an answer would be lost.
    private static string TextOf(byte[] bytes) => Encoding.UTF8.GetString(bytes).TrimStart('\ufeff');

    // What is asked for lives for minutes to hours: a connection kept for the next would be gone by then.
    private HttpClient NewHttpClient() => new(new SocketsHttpHandler
    {
        UseProxy = false,
        AllowAutoRedirect = false,
        UseCookies = false,
        ActivityHeadersPropagator = null, // no trace of a workload's goes to where its secrets come from
        ConnectTimeout = Limit,
        SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = roots.Count == 0 ? null : Trusting() },
    })
    {
        Timeout = Limit,
        MaxResponseContentBufferSize = MaxBytes,
    };

    private X509ChainPolicy Trusting()
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.AddRange(roots);
        return policy;
    }
}
