using System.Text.Json;
using System.Text.Json.Nodes;

namespace Fairlead.Gateway.Credentials;

/// <summary>A service account of Google Cloud: its key signs an assertion (RFC 7523), which becomes an access token, or an ID token for one audience.</summary>
/// <param name="account">The account.</param>
/// <param name="service">How the token endpoint is asked.</param>
/// <param name="time">The clock.</param>
internal sealed class GoogleServiceAccount(GoogleServiceAccount.Account account, SecretService service, TimeProvider time)
{
    private static readonly TimeSpan AssertionLifetime = TimeSpan.FromHours(1);

    /// <exception cref="CredentialException">There is no token.</exception>
    public async Task<FetchedSecret.Kept> FetchAsync(CancellationToken cancellationToken)
    {
        var began = time.GetUtcNow();
        var claims = new JsonObject
        {
            ["iss"] = account.Email,
            ["aud"] = account.TokenUrl.AbsoluteUri,
            ["iat"] = began.ToUnixTimeSeconds(),
            ["exp"] = (began + AssertionLifetime).ToUnixTimeSeconds(),
        };
        if (account.Subject is not null) claims["sub"] = account.Subject;
        if (account.Audience is not null) claims["target_audience"] = account.Audience;
        else claims["scope"] = string.Join(' ', account.Scopes);
        var form = new FormUrlEncodedContent([new("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), new("assertion", account.Key.Sign(claims))]);
        var (status, text) = await service.AskAsync(new HttpRequestMessage(HttpMethod.Post, account.TokenUrl) { Content = form }, cancellationToken);
        // An ID token lives an hour, and its answer does not say so.
        return account.Audience is null
            ? AccessToken.Read(account.TokenUrl, status, text, began)
            : AccessToken.Read(account.TokenUrl, status, text, began, AssertionLifetime, "id_token");
    }

    /// <summary>A service account.</summary>
    /// <param name="Email">Its name.</param>
    /// <param name="Key">Its key.</param>
    /// <param name="TokenUrl">The token endpoint.</param>
    /// <param name="Scopes">What an access token is for.</param>
    /// <param name="Subject">The user in whose name it acts (domain-wide delegation), or null.</param>
    /// <param name="Audience">Whom an ID token is for; null for an access token.</param>
    internal sealed record Account(string Email, JwtSigner Key, Uri TokenUrl, IReadOnlyList<string> Scopes, string? Subject, string? Audience);

    /// <summary>The parts of a key file that are used.</summary>
    /// <param name="Email"><c>client_email</c>.</param>
    /// <param name="KeyId"><c>private_key_id</c>, or null.</param>
    /// <param name="Pem"><c>private_key</c>.</param>
    /// <param name="TokenUri"><c>token_uri</c>, or null.</param>
    internal sealed record KeyFile(string Email, string? KeyId, string Pem, string? TokenUri)
    {
        /// <summary>Reads a key file.</summary>
        /// <returns>Null when it is none.</returns>
        public static KeyFile? TryRead(string json)
        {
            try
            {
                using var document = JsonDocument.Parse(json);
                string? Text(string name) => AccessToken.StringOf(document.RootElement, name);
                return Text("type") == "service_account" && Text("client_email") is { Length: > 0 } email && Text("private_key") is { Length: > 0 } pem ? new KeyFile(email, Text("private_key_id"), pem, Text("token_uri")) : null;
            }
            catch (JsonException)
            {
                return null;
            }
        }

        public override string ToString() => Email;
    }
}
