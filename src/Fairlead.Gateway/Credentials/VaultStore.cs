using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Fairlead.Gateway.Credentials;

/// <summary>A secret in Vault or OpenBao, in an engine of the kind KV version 2. Who has to log in for it does so, and again when that login is over.</summary>
/// <param name="name">The secret's name.</param>
/// <param name="place">Where it is.</param>
/// <param name="login">Who asks.</param>
/// <param name="service">How the store is asked.</param>
/// <param name="freshness">How long a value is used.</param>
/// <param name="time">The clock.</param>
internal sealed class VaultStore(string name, VaultStore.Place place, VaultStore.Login login, SecretService service, Freshness freshness, TimeProvider time)
{
    private FetchedSecret.Kept? _session;

    /// <summary>Gets the value. Called by one at a time.</summary>
    /// <exception cref="CredentialException">There is none.</exception>
    public async Task<FetchedSecret.Kept> FetchAsync(CancellationToken cancellationToken)
    {
        var began = time.GetUtcNow();
        var (status, text) = await ReadAsync(cancellationToken);
        // The login may be over before its time: it was revoked, or the store was restored.
        if (status == HttpStatusCode.Forbidden && login.Token is null)
        {
            _session = null;
            (status, text) = await ReadAsync(cancellationToken);
        }

        if (status != HttpStatusCode.OK) throw new CredentialException($"{SecretService.Name(place.Url)} answered {(int)status}{Meaning(status)}");
        return freshness.Keep(name, ValueIn(text), SecretService.Name(place.Url), began);
    }

    private async Task<(HttpStatusCode Status, string Text)> ReadAsync(CancellationToken cancellationToken)
    {
        var request = Request(HttpMethod.Get, place.Url);
        request.Headers.Add("X-Vault-Token", (login.Token is null ? await LogInAsync(cancellationToken) : await login.Token.GetAsync(cancellationToken)).Reveal());
        return await service.AskAsync(request, cancellationToken);
    }

    private async Task<Secret> LogInAsync(CancellationToken cancellationToken)
    {
        var began = time.GetUtcNow();
        if (_session is not null && began < _session.FreshUntil) return _session.Value;
        var request = Request(HttpMethod.Post, login.Url!);
        request.Content = JsonContent.Create(new JsonObject { ["role"] = login.Role, ["jwt"] = Identity() });
        var (status, text) = await service.AskAsync(request, cancellationToken);
        if (status != HttpStatusCode.OK) throw new CredentialException($"{SecretService.Name(login.Url!)} answered {(int)status}: the role '{login.Role}' does not take this service account, or the method is not mounted there");
        using var document = Parse(text, login.Url!);
        var auth = AccessToken.MemberOf(document.RootElement, "auth") ?? default;
        if (!Secret.TryCreate("client_token", AccessToken.StringOf(auth, "client_token") ?? "", out var token, out _, out var problem)) throw AccessToken.Odd(login.Url!, $"a 'client_token' that cannot be used: {problem}");
        var seconds = AccessToken.MemberOf(auth, "lease_duration") is { ValueKind: JsonValueKind.Number } lease && lease.TryGetInt32(out var stated) ? Math.Clamp(stated, 0, 86_400) : 0;
        _session = AccessToken.Keep(token, began, TimeSpan.FromSeconds(seconds));
        return token;
    }

    // Kubernetes renews the file; it is read when it is needed.
    private string Identity()
    {
        if (new SecretSource(null, login.JwtFile).TryRead(out var jwt) is { } missing) throw new CredentialException(missing);
        return Secret.TryCreate("jwt", jwt, out var secret, out _, out var problem) ? secret.Reveal() : throw new CredentialException($"the token in {login.JwtFile} cannot be used: {problem}");
    }

    private HttpRequestMessage Request(HttpMethod method, Uri url)
    {
        var request = new HttpRequestMessage(method, url);
        request.Headers.Add("X-Vault-Request", "true");
        if (place.Namespace is not null) request.Headers.Add("X-Vault-Namespace", place.Namespace);
        return request;
    }

    private string ValueIn(string text)
    {
        using var document = Parse(text, place.Url);
        var at = document.RootElement;
        foreach (var step in (string[])["data", "data"])
        {
            at = AccessToken.MemberOf(at, step) ?? throw AccessToken.Odd(place.Url, "no data of an engine of the kind KV version 2");
        }

        if (at.ValueKind == JsonValueKind.Null) throw AccessToken.Odd(place.Url, "a version that was deleted");
        return AccessToken.StringOf(at, place.Field) ?? throw AccessToken.Odd(place.Url, $"a secret without a text '{place.Field}'");
    }

    private static JsonDocument Parse(string text, Uri url)
    {
        try
        {
            return JsonDocument.Parse(text);
        }
        catch (JsonException)
        {
            throw AccessToken.Odd(url, "what is no JSON");
        }
    }

    private static string Meaning(HttpStatusCode status) => status switch
    {
        HttpStatusCode.Forbidden => ": the token is not valid, or may not read this path",
        HttpStatusCode.NotFound => ": there is no such secret, or its last version was deleted",
        HttpStatusCode.ServiceUnavailable => ": the store is sealed",
        _ => "",
    };

    /// <summary>Where a secret is.</summary>
    /// <param name="Url">Its address in the API.</param>
    /// <param name="Field">The field.</param>
    /// <param name="Namespace">The namespace, or null.</param>
    internal sealed record Place(Uri Url, string Field, string? Namespace)
    {
        /// <summary>The address of a secret in the API (KV version 2).</summary>
        /// <param name="address">The store.</param>
        /// <param name="mount">Where the engine is mounted.</param>
        /// <param name="path">The path in it.</param>
        public static Uri UrlOf(Uri address, string mount, string path) => At(address, $"{mount}/data/{path}");

        /// <summary>An address below <c>/v1/</c>.</summary>
        public static Uri At(Uri address, string path) => new($"{address.GetLeftPart(UriPartial.Path).TrimEnd('/')}/v1/{string.Join('/', path.Split('/').Select(Uri.EscapeDataString))}");
    }

    /// <summary>Who asks: a token of the operator's, or the service account of the pod that the gateway runs in.</summary>
    /// <param name="Token">The token; null to log in.</param>
    /// <param name="Url">Where the login is.</param>
    /// <param name="Role">The role to take.</param>
    /// <param name="JwtFile">The file with the service account's token.</param>
    internal sealed record Login(ISecret? Token, Uri? Url, string? Role, string? JwtFile)
    {
        public override string ToString() => Role ?? "***";
    }
}
