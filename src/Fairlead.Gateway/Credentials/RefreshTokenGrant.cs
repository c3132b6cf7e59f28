namespace Fairlead.Gateway.Credentials;

/// <summary>OAuth 2.0 refresh token (RFC 6749 §6): somebody consented once, and the token of that consent becomes access tokens. An endpoint may give a new one with each, and then the old one is void.</summary>
/// <param name="client">Who asks, whom, and for what.</param>
/// <param name="service">How the endpoint is asked.</param>
/// <param name="time">The clock.</param>
internal sealed class RefreshTokenGrant(RefreshTokenGrant.Client client, SecretService service, TimeProvider time)
{
    /// <exception cref="CredentialException">There is no token.</exception>
    public async Task<FetchedSecret.Kept> FetchAsync(CancellationToken cancellationToken)
    {
        var refresh = RefreshToken.Of(client.TokenUrl, client.Id, await client.First.GetAsync(cancellationToken), client.StateFile);
        // A second use of one token is what an endpoint takes for theft.
        using var turn = await refresh.TakeTurnAsync(cancellationToken);
        var began = time.GetUtcNow();
        var (status, text) = await service.AskAsync(RequestFor(refresh.Current, client.Secret is null ? null : await client.Secret.GetAsync(cancellationToken)), cancellationToken);
        // The new one is safe before anything is made of the answer.
        var isNew = AccessToken.RefreshTokenIn(client.TokenUrl, status, text) is { } next && refresh.Replace(next);
        refresh.Keep();
        var kept = AccessToken.Read(client.TokenUrl, status, text, began);
        return isNew && client.StateFile is null ? kept with { Note = $"{SecretService.Name(client.TokenUrl)} gave a new refresh token, which a restart loses: name a file for it ('state')" } : kept;
    }

    private HttpRequestMessage RequestFor(Secret refresh, Secret? secret)
    {
        var form = new List<KeyValuePair<string, string>> { new("grant_type", "refresh_token"), new("refresh_token", refresh.Reveal()) };
        if (client.Scopes.Count > 0) form.Add(new("scope", string.Join(' ', client.Scopes)));
        // RFC 6749 §3.2.1: a client without a secret says who it is in the form.
        if (client.IsInBody || secret is null) form.Add(new("client_id", client.Id));
        if (client.IsInBody && secret is not null) form.Add(new("client_secret", secret.Reveal()));
        var request = new HttpRequestMessage(HttpMethod.Post, client.TokenUrl) { Content = new FormUrlEncodedContent(form) };
        if (!client.IsInBody && secret is not null) request.Headers.Authorization = ClientCredentialsGrant.Basic(client.Id, secret);
        return request;
    }

    /// <summary>A client of a token endpoint, and what it was given.</summary>
    /// <param name="TokenUrl">The endpoint, https.</param>
    /// <param name="Id">The client's id.</param>
    /// <param name="Secret">The client's secret; null for a public client.</param>
    /// <param name="First">The refresh token as the operator has it.</param>
    /// <param name="StateFile">Where its successors are kept; null for in memory only.</param>
    /// <param name="IsInBody">True to send id and secret in the form, false for Basic.</param>
    /// <param name="Scopes">What the token should be for; empty for all that was consented to.</param>
    internal sealed record Client(Uri TokenUrl, string Id, ISecret? Secret, ISecret First, string? StateFile, bool IsInBody, IReadOnlyList<string> Scopes)
    {
        public override string ToString() => $"{Id} at {TokenUrl}";
    }
}
