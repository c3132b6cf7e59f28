using System.Collections.Concurrent;
using System.Net.Http.Headers;
using System.Text;
using Fairlead.Gateway.Policy;
using Fairlead.Wire;

namespace Fairlead.Gateway.Credentials;

/// <summary>An image registry that wants tokens of a realm of its own: the gateway takes user and password to the realm, and only the token to the registry.</summary>
/// <param name="account">Who asks, and where.</param>
/// <param name="service">How realm and registry are asked.</param>
/// <param name="time">The clock.</param>
internal sealed class OciRegistry(OciRegistry.Account account, SecretService service, TimeProvider time)
{
    // What a token lives that does not say so (distribution project, token authentication).
    private static readonly TimeSpan UnstatedLifetime = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan RealmLifetime = TimeSpan.FromMinutes(10);

    private readonly ConcurrentDictionary<HostPort, (OciRealm Realm, DateTimeOffset Until)> _learned = new();

    /// <exception cref="CredentialException">There is no token.</exception>
    public async Task<FetchedSecret.Kept> FetchAsync(OciScope scope, CancellationToken cancellationToken)
    {
        var realm = account.Realm ?? await LearnAsync(scope.Registry, cancellationToken);
        var password = await account.Password.GetAsync(cancellationToken);
        var began = time.GetUtcNow();
        var request = new HttpRequestMessage(HttpMethod.Get, realm.UrlFor(scope.Scopes));
        request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.ASCII.GetBytes($"{account.Username}:{password.Reveal()}")));
        var (status, text) = await service.AskAsync(request, cancellationToken);
        return AccessToken.Read(realm.Url, status, text, began, UnstatedLifetime, AccessToken.StringIn(text, "token") is { Length: > 0 } ? "token" : "access_token");
    }

    // The registry's answer leads only to where the operator said that it may.
    private async Task<OciRealm> LearnAsync(HostPort registry, CancellationToken cancellationToken)
    {
        if (_learned.TryGetValue(registry, out var learned) && time.GetUtcNow() < learned.Until) return learned.Realm;
        var url = new Uri($"https://{registry}/v2/");
        var challenges = await service.ChallengesAsync(new HttpRequestMessage(HttpMethod.Get, url), cancellationToken);
        if (challenges.FirstOrDefault(c => c.Scheme.Equals("Bearer", StringComparison.OrdinalIgnoreCase)) is not { Parameter: { } parameters }) throw AccessToken.Odd(url, "no challenge for a bearer token; a registry with Basic is for 'use: basic'");
        if (OciRealm.TryParse(parameters) is not { } realm) throw AccessToken.Odd(url, "a challenge without a 'realm' that is an https URL");
        if (!HostPort.TryParse(realm.Url.Authority, 443, out var host, out _) || !account.RealmHosts.Any(h => h.Matches(host)))
            throw AccessToken.Odd(url, $"the realm {HostPort.Printable(realm.Url.Host)}, which is none of 'realm_hosts': nothing was sent there");
        _learned[registry] = (realm, time.GetUtcNow() + RealmLifetime);
        return realm;
    }

    /// <summary>An account of a registry.</summary>
    /// <param name="Username">The user.</param>
    /// <param name="Password">The password, or a token that the registry takes as one.</param>
    /// <param name="Realm">Where tokens are; null to learn it from the registry.</param>
    /// <param name="RealmHosts">Where a learned realm may be.</param>
    internal sealed record Account(string Username, ISecret Password, OciRealm? Realm, IReadOnlyList<HostPattern> RealmHosts)
    {
        public override string ToString() => Username;
    }
}
