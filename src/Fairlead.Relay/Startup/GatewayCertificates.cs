using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Fairlead.Relay.Tunnel;
using Fairlead.Wire;

namespace Fairlead.Relay.Startup;

/// <summary>The gateway's CA certificates: fetched over the gateway's own way, and checked before any tool is told to trust them.</summary>
internal static class GatewayCertificates
{
    private const int MaxBytes = 1024 * 1024;
    private const string Remedy = "Check that FAIRLEAD_GATEWAY (or --gateway, or ANTHROPIC_BASE_URL) points at a Fairlead gateway.";
    private static readonly TimeSpan FetchLimit = TimeSpan.FromSeconds(5);

    /// <summary>Fetches the PEM text, within 5 s for everything, and keeps the certificates that can be trusted.</summary>
    /// <param name="gateway">Whom to ask.</param>
    /// <param name="dialer">The way there.</param>
    /// <param name="token">The session's token: sent only to a gateway that asks for it, as one does that has a CA for each session.</param>
    /// <param name="time">The clock of the time limit and of the certificates' validity.</param>
    /// <param name="cancellationToken">Ends the fetch.</param>
    /// <returns>One or more CA certificates as PEM, each followed by a newline.</returns>
    /// <exception cref="StepException">The gateway cannot be reached, or its answer holds no certificate that a tool could trust.</exception>
    public static async Task<string> FetchAsync(GatewayAddress gateway, GatewayDialer dialer, ReadOnlyMemory<byte> token, TimeProvider time, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(FetchLimit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        var url = $"{gateway}{Protocol.CaCertificatePath}";
        try
        {
            return SelectTrustworthy(await GetAsync(gateway, dialer, url, either.Token) ?? await GetWithTokenAsync(gateway, dialer, token, url, either.Token), url, time.GetUtcNow());
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new StepException($"{url} did not answer within {FetchLimit.TotalSeconds} s", "Check that the gateway runs and that this container may reach it.");
        }
        catch (HttpRequestException e)
        {
            // What the dialer found out says more than the client's wrapper around it.
            throw e.InnerException is DialException dial
                ? new StepException(dial.Message, "Check the gateway's address, that it runs, and that this container may reach it.", dial)
                : new StepException($"{url} gave no proper HTTP answer: {e.Message}", Remedy, e);
        }
        catch (DialException e)
        {
            throw new StepException(e.Message, Remedy, e);
        }
        catch (IOException e)
        {
            throw new StepException($"the answer of {url} broke off: {e.Message}", Remedy, e);
        }
    }

    /// <summary>Picks the certificates that are CAs inside their validity, as they were written.</summary>
    /// <param name="text">What the gateway answered.</param>
    /// <param name="url">Where it came from, for messages.</param>
    /// <param name="now">The time that must lie within the validity.</param>
    /// <exception cref="StepException">There is none.</exception>
    public static string SelectTrustworthy(string text, string url, DateTimeOffset now)
    {
        var kept = new StringBuilder();
        string? rejected = null;
        var rest = text.AsSpan();
        while (PemEncoding.TryFind(rest, out var fields))
        {
            var problem = rest[fields.Label] is "CERTIFICATE" ? WhyNotTrusted(rest[fields.Location], now) : null;
            if (rest[fields.Label] is "CERTIFICATE" && problem is null) kept.Append(rest[fields.Location]).Append('\n');
            rejected ??= problem;
            rest = rest[fields.Location.End..];
        }

        if (kept.Length > 0) return kept.ToString();
        if (rejected is not null) throw new StepException($"the certificate of {url} {rejected}", "Ask whoever runs the gateway for a valid CA, and check this machine's clock.");
        throw text.AsSpan().TrimStart().StartsWith("<")
            ? new StepException($"the answer of {url} is HTML, not PEM", Remedy)
            : new StepException($"the answer of {url} holds no PEM certificate", Remedy);
    }

    private static string? WhyNotTrusted(ReadOnlySpan<char> pem, DateTimeOffset now)
    {
        try
        {
            using var certificate = X509Certificate2.CreateFromPem(pem);
            // RFC 5280 §4.2.1.9: only a certificate that says so may sign others.
            if (!certificate.Extensions.OfType<X509BasicConstraintsExtension>().Any(constraints => constraints.CertificateAuthority))
                return "is a leaf, not a CA certificate";
            if (now < certificate.NotBefore.ToUniversalTime()) return $"is not valid before {certificate.NotBefore.ToUniversalTime():u}";
            return now > certificate.NotAfter.ToUniversalTime() ? $"expired on {certificate.NotAfter.ToUniversalTime():u}" : null;
        }
        catch (CryptographicException)
        {
            return "is damaged: its PEM block holds no X.509 certificate";
        }
    }

    /// <returns>Null when the gateway wants to know who asks.</returns>
    private static async Task<string?> GetAsync(GatewayAddress gateway, GatewayDialer dialer, string url, CancellationToken cancellationToken)
    {
        using var handler = new SocketsHttpHandler
        {
            UseProxy = false,
            AllowAutoRedirect = false,
            UseCookies = false,
            ActivityHeadersPropagator = null,
            // The dialer has done TLS already, so that trust has one place.
            ConnectCallback = async (_, token) => await dialer.ConnectAsync(token),
        };
        using var client = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
        using var request = new HttpRequestMessage(HttpMethod.Get, $"http://{gateway.Endpoint}{gateway.PathPrefix}{Protocol.CaCertificatePath}");
        request.Headers.Host = gateway.HostHeader;
        using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        if (response.StatusCode == HttpStatusCode.Unauthorized && response.Headers.WwwAuthenticate.Any(challenge => challenge.Scheme.Equals("Bearer", StringComparison.OrdinalIgnoreCase))) return null;
        if (!response.IsSuccessStatusCode) throw new StepException($"{url} answered with status {(int)response.StatusCode}", Remedy);

        await using var body = await response.Content.ReadAsStreamAsync(cancellationToken);
        var bytes = new byte[MaxBytes + 1];
        var length = await body.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, cancellationToken);
        if (length > MaxBytes) throw new StepException($"the answer of {url} is larger than {MaxBytes} bytes", Remedy);
        return Encoding.Latin1.GetString(bytes, 0, length);
    }

    private static async Task<string> GetWithTokenAsync(GatewayAddress gateway, GatewayDialer dialer, ReadOnlyMemory<byte> token, string url, CancellationToken cancellationToken)
    {
        // Nobody has asked for a tunnel yet, and whoever is on the way could have sent the 401.
        if (!gateway.IsTls && !gateway.IsLoopback)
            throw new StepException($"{url} asks for the session's token (401), which is sent to another machine over https only", "Give the gateway's address as https://, or turn ca.per_session off there.");
        var (status, body) = await dialer.GetAsync(Protocol.CaCertificatePath, token, MaxBytes, cancellationToken);
        if (status == (int)HttpStatusCode.Unauthorized) throw new StepException($"{url} does not know the session's token, or no longer (401)", "Check the session's id and token, and that the gateway's configuration has the session.");
        if (status != (int)HttpStatusCode.OK) throw new StepException($"{url} answered with status {status}", Remedy);
        return body.Length <= MaxBytes ? Encoding.Latin1.GetString(body) : throw new StepException($"the answer of {url} is larger than {MaxBytes} bytes", Remedy);
    }
}
