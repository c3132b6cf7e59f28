using System.Net;
using System.Net.Http.Headers;
using System.Text;

namespace Fairlead.Gateway.Credentials;

/// <summary>OAuth 2.0 client credentials (RFC 6749 §4.4): the id and the secret of a client become an access token, which is kept until shortly before it expires.</summary>
/// <param name="client">Who asks, whom, and for what.</param>
/// <param name="service">How the endpoint is asked.</param>
/// <param name="time">The clock.</param>
internal sealed class ClientCredentialsGrant(ClientCredentialsGrant.Client client, SecretService service, TimeProvider time)
{
    /// <exception cref="CredentialException">There is no token.</exception>
    public async Task<FetchedSecret.Kept> FetchAsync(CancellationToken cancellationToken)
    {
        var began = time.GetUtcNow();
        var (status, text) = await service.AskAsync(RequestFor(await client.Secret.GetAsync(cancellationToken)), cancellationToken);
        return AccessToken.Read(client.TokenUrl, status, text, began);
    }

    private HttpRequestMessage RequestFor(Secret secret)
    {
        var form = new List<KeyValuePair<string, string>> { new("grant_type", "client_credentials") };
        if (client.Scopes.Count > 0) form.Add(new("scope", string.Join(' ', client.Scopes)));
        if (client.Audience is not null) form.Add(new("audience", client.Audience));
        if (client.IsInBody) form.AddRange([new("client_id", client.Id), new("client_secret", secret.Reveal())]);
        var request = new HttpRequestMessage(HttpMethod.Post, client.TokenUrl) { Content = new FormUrlEncodedContent(form) };
        if (!client.IsInBody) request.Headers.Authorization = Basic(client.Id, secret);
        return request;
    }

    /// <summary>How a client authenticates. RFC 6749 §2.3.1: both are form-encoded first, so that a ':' in them does no harm.</summary>
    public static AuthenticationHeaderValue Basic(string id, Secret secret) =>
        new("Basic", Convert.ToBase64String(Encoding.ASCII.GetBytes($"{WebUtility.UrlEncode(id)}:{WebUtility.UrlEncode(secret.Reveal())}")));

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
