using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Microsoft.IdentityModel.Tokens;

namespace Fairlead.Gateway.Identity;

/// <summary>
/// Keys that an issuer publishes: a key set by its URL, or by OpenID Connect Discovery 1.0. Fetched when first asked for, every five minutes, and when a
/// token names a key that is not known, at most every five seconds. While a fetch fails, the keys before it stay.
/// </summary>
internal sealed class FetchedKeys : KeySource, IDisposable
{
    private const int MaxBytes = 256 * 1024;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Fresh = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(5);

    private readonly Uri _url;
    private readonly string? _discoveredFrom;
    private readonly Func<string?> _bearer;
    private readonly TimeProvider _time;
    private readonly HttpClient _client;
    private readonly Lock _lock = new();
    private Task _fetch = Task.CompletedTask;
    private IReadOnlyList<SecurityKey> _keys = [];
    private long? _fetched;
    private long? _tried;

    /// <param name="url">The key set; or the issuer, to which discovery's path is added.</param>
    /// <param name="isDiscovered">True for the latter.</param>
    /// <param name="roots">Trusted instead of the system's; empty for the system's.</param>
    /// <param name="bearer">A token for the fetch, read each time since platforms rotate them, or null; throws when it should be there and is not.</param>
    /// <param name="bearerFrom">Where it is from; it is part of the identity.</param>
    /// <param name="time">The clock.</param>
    public FetchedKeys(Uri url, bool isDiscovered, X509Certificate2Collection roots, Func<string?> bearer, TimeProvider time, string bearerFrom = "")
    {
        _discoveredFrom = isDiscovered ? url.ToString().TrimEnd('/') : null;
        _url = isDiscovered ? new Uri(_discoveredFrom + "/.well-known/openid-configuration") : url;
        (_bearer, _time) = (bearer, time);
        Identity = $"{_url} {string.Join(' ', roots.Select(r => r.Thumbprint))} {bearerFrom}";
        // The operator named this host, no workload did: it is not the guard's business. Proxies and redirects are not followed.
        _client = new HttpClient(new SocketsHttpHandler
        {
            UseProxy = false,
            AllowAutoRedirect = false,
            UseCookies = false,
            ActivityHeadersPropagator = null,
            ConnectTimeout = Limit,
            PooledConnectionLifetime = Fresh,
            SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = roots.Count == 0 ? null : Trusting(roots) },
        })
        { Timeout = Limit, MaxResponseContentBufferSize = MaxBytes };
    }

    public override string Identity { get; }

    public override string? Problem => Volatile.Read(ref _problem);

    private string? _problem = "the keys were not fetched yet";

    public override async ValueTask<IReadOnlyList<SecurityKey>> FindAsync(string? keyId, CancellationToken cancellationToken)
    {
        var found = Select(Volatile.Read(ref _keys), keyId);
        // Old keys are still keys: nobody waits for an issuer that is slow today.
        if (found.Count > 0 && (_fetched is not { } last || _time.GetElapsedTime(last) >= Fresh)) _ = RefreshAsync(CancellationToken.None);
        if (found.Count > 0) return found;
        await RefreshAsync(cancellationToken);
        return Select(Volatile.Read(ref _keys), keyId);
    }

    // An issuer drops a key when it signs with the next one; what the old key signed ends by its own expiry.
    public override bool StillHas(string keyId) => true;

    /// <summary>Fetches, unless somebody just did. One fetch serves all who wait for it, and goes on when they leave: who hangs up stops nobody else.</summary>
    public Task RefreshAsync(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (_fetch.IsCompleted && (_tried is not { } last || _time.GetElapsedTime(last) >= Pause)) _fetch = FetchAsync();
            return _fetch.WaitAsync(cancellationToken);
        }
    }

    public void Dispose() => _client.Dispose();

    private async Task FetchAsync()
    {
        // Off the caller's lock, whatever the client does at once.
        await Task.Yield();
        using var limit = new CancellationTokenSource(Limit);
        try
        {
            var url = _discoveredFrom is null ? _url : await DiscoverAsync(limit.Token);
            var problem = TryRead(await GetAsync(url, limit.Token), out var keys);
            if (problem is not null) throw new InvalidDataException($"{url}: {problem}");
            Volatile.Write(ref _keys, keys);
            _fetched = _time.GetTimestamp();
            Volatile.Write(ref _problem, null);
        }
        catch (Exception e)
        {
            // Whatever it is: there are no new keys, and those that were stay.
            var why = e is OperationCanceledException ? $"no answer within {Limit.TotalSeconds} s" : (e.InnerException ?? e).Message;
            Volatile.Write(ref _problem, $"the keys at {_url} cannot be had: {why}");
        }
        finally
        {
            // Counted from its end: those who waited for a slow one do not each begin the next.
            _tried = _time.GetTimestamp();
        }
    }

    private async Task<Uri> DiscoverAsync(CancellationToken cancellationToken)
    {
        using var document = JsonDocument.Parse(await GetAsync(_url, cancellationToken));
        var root = document.RootElement;
        // OpenID Connect Discovery 1.0 §4.3: the document must say that it is this issuer's.
        if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("issuer", out var issuer) || issuer.ValueKind != JsonValueKind.String || issuer.GetString()!.TrimEnd('/') != _discoveredFrom)
            throw new InvalidDataException($"{_url}: the document is not that of the issuer {_discoveredFrom}");
        if (!root.TryGetProperty("jwks_uri", out var keys) || keys.ValueKind != JsonValueKind.String || !Uri.TryCreate(keys.GetString(), UriKind.Absolute, out var url) || url.Scheme != Uri.UriSchemeHttps)
            throw new InvalidDataException($"{_url}: expected 'jwks_uri' with an https URL");
        return url;
    }

    private async Task<string> GetAsync(Uri url, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, url);
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        // The token is for the host that the operator named, wherever discovery leads.
        if (url.Authority == _url.Authority && _bearer() is { } token) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        using var response = await _client.SendAsync(request, cancellationToken);
        if (response.StatusCode != HttpStatusCode.OK) throw new InvalidDataException($"{url} answered {(int)response.StatusCode}");
        return await response.Content.ReadAsStringAsync(cancellationToken);
    }

    private static X509ChainPolicy Trusting(X509Certificate2Collection roots)
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.AddRange(roots);
        return policy;
    }
}
