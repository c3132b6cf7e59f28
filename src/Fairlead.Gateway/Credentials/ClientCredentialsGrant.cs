using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using Fairlead.Wire;

namespace Fairlead.Gateway.Credentials;

/// <summary>OAuth 2.0 client credentials (RFC 6749 §4.4): the id and the secret of a client become an access token, which is kept until shortly before it expires.</summary>
/// <param name="client">Who asks, whom, and for what.</param>
/// <param name="roots">Trusted for the endpoint instead of the system's; empty for the system's.</param>
/// <param name="time">The clock.</param>
internal sealed class ClientCredentialsGrant(ClientCredentialsGrant.Client client, X509Certificate2Collection roots, TimeProvider time)
{
    /// <summary>How long the token endpoint may take: 10 s.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    private const int MaxBytes = 64 * 1024;
    private const int MaxErrorCharacters = 64;

    // RFC 6749 §5.1 leaves it to the endpoint to say how long a token lives.
    private static readonly TimeSpan UnstatedLifetime = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan LongestLifetime = TimeSpan.FromDays(1);
    private static readonly TimeSpan MostSkew = TimeSpan.FromMinutes(1);

    /// <exception cref="CredentialException">There is no token.</exception>
    public async Task<FetchedSecret.Kept> FetchAsync(CancellationToken cancellationToken)
    {
        var began = time.GetUtcNow();
        var secret = await client.Secret.GetAsync(cancellationToken);
        try
        {
            using var request = RequestFor(secret);
            using var http = NewHttpClient();
            using var response = await http.SendAsync(request, cancellationToken);
            var text = await response.Content.ReadAsStringAsync(cancellationToken);
            return response.StatusCode == HttpStatusCode.OK
                ? TokenOf(text, began)
                : throw new CredentialException($"{client.TokenUrl} answered {(int)response.StatusCode}{ErrorOf(text)}");
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            throw new CredentialException($"{client.TokenUrl} gave no token: {(e is OperationCanceledException ? $"no answer within {Limit.TotalSeconds} s" : (e.InnerException ?? e).Message)}", e);
        }
    }

    // A token lives for minutes to hours: a connection kept for the next would be gone by then. The operator named this host, no workload did: it is not the
    // guard's business. Proxies and redirects are not followed.
    private HttpClient NewHttpClient() => new(new SocketsHttpHandler
    {
        UseProxy = false,
        AllowAutoRedirect = false,
        UseCookies = false,
        ConnectTimeout = Limit,
        SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = roots.Count == 0 ? null : Trusting() },
    })
    {
        Timeout = Limit,
        MaxResponseContentBufferSize = MaxBytes,
    };

    private HttpRequestMessage RequestFor(Secret secret)
    {
        var form = new List<KeyValuePair<string, string>> { new("grant_type", "client_credentials") };
        if (client.Scopes.Count > 0) form.Add(new("scope", string.Join(' ', client.Scopes)));
        if (client.Audience is not null) form.Add(new("audience", client.Audience));
        if (client.IsInBody) form.AddRange([new("client_id", client.Id), new("client_secret", secret.Reveal())]);
        var request = new HttpRequestMessage(HttpMethod.Post, client.TokenUrl) { Content = new FormUrlEncodedContent(form) };
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        // RFC 6749 §2.3.1: both are form-encoded first, so that a ':' in them does no harm.
        if (!client.IsInBody) request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.ASCII.GetBytes($"{WebUtility.UrlEncode(client.Id)}:{WebUtility.UrlEncode(secret.Reveal())}")));
        return request;
    }

    private FetchedSecret.Kept TokenOf(string text, DateTimeOffset began)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            var root = document.RootElement;
            if (StringOf(root, "token_type") is { } type && !type.Equals("bearer", StringComparison.OrdinalIgnoreCase)) throw Odd($"a token of the type '{HostPort.Printable(type)}', expected Bearer");
            if (!Secret.TryCreate("access_token", StringOf(root, "access_token") ?? "", out var token, out _, out var problem)) throw Odd($"an 'access_token' that cannot be used: {problem}");
            var lifetime = LifetimeOf(root);
            var skew = lifetime / 5 < MostSkew ? lifetime / 5 : MostSkew;
            return new FetchedSecret.Kept(token, began + lifetime - skew, began + lifetime);
        }
        catch (JsonException)
        {
            throw Odd("what is no JSON");
        }
    }

    private CredentialException Odd(string what) => new($"{client.TokenUrl} gave {what}");

    // Some endpoints write the number as a text.
    private static TimeSpan LifetimeOf(JsonElement root)
    {
        if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("expires_in", out var element)) return UnstatedLifetime;
        var seconds = element.ValueKind == JsonValueKind.Number && element.TryGetDouble(out var number) ? number
            : double.TryParse(StringOf(root, "expires_in"), System.Globalization.CultureInfo.InvariantCulture, out var written) ? written : UnstatedLifetime.TotalSeconds;
        return double.IsFinite(seconds) ? TimeSpan.FromSeconds(Math.Clamp(seconds, 0, LongestLifetime.TotalSeconds)) : UnstatedLifetime;
    }

    private static string? StringOf(JsonElement root, string name) =>
        root.ValueKind == JsonValueKind.Object && root.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    // RFC 6749 §5.2: one word of a closed list. The description is free text, and may repeat what was sent.
    private static string ErrorOf(string text)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            return StringOf(document.RootElement, "error") is { Length: > 0 and <= MaxErrorCharacters } error && error.All(c => char.IsAsciiLetterLower(c) || c == '_') ? $" ({error})" : "";
        }
        catch (JsonException)
        {
            return "";
        }
    }

    private X509ChainPolicy Trusting()
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.AddRange(roots);
        return policy;
    }

    /// <summary>A client of a token endpoint.</summary>
    /// <param name="TokenUrl">The endpoint, https.</param>
    /// <param name="Id">The client's id.</param>
    /// <param name="Secret">The client's secret.</param>
    /// <param name="IsInBody">True to send both in the form, false for Basic.</param>
    /// <param name="Scopes">What the token should be for.</param>
    /// <param name="Audience">Whom it should be for, or null.</param>
    internal sealed record Client(Uri TokenUrl, string Id, ISecret Secret, bool IsInBody, IReadOnlyList<string> Scopes, string? Audience)
    {
        public override string ToString() => $"{Id} at {TokenUrl}";
    }
}
