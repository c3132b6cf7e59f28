using Fairlead.Gateway.Credentials;
using Fairlead.Wire;

namespace Fairlead.Gateway.Configuration;

/// <summary><c>use: oauth2-client-credentials</c>: a token that the gateway asks for as a client of its own.</summary>
internal static class ClientCredentialsKind
{
    public static readonly CredentialKind Kind = new("oauth2-client-credentials", ["token_url", "client_id", "client_secret", "scopes", "audience", "client_auth", "token_ca", "existing"], input =>
    {
        var (fields, context) = (input.Fields, input.Context);
        var url = ConfigContext.HttpsUrl(fields.Required("token_url"));
        var id = fields.Required("client_id").Text();
        var secret = input.Secret("client_secret");
        var scopes = ReadScopes(fields);
        var audience = fields.Has("audience", out var audienceNode) ? audienceNode.Text() : null;
        var isInBody = fields.Has("client_auth", out var auth) && auth.OneOf("basic", "body") == "body";
        var roots = fields.Has("token_ca", out var ca) ? context.Roots(ca, !context.IsReview) : [];
        if (url is null || id.Length == 0 || secret is null) return new();
        context.Sources.Add($"a token of {SecretService.Name(url)}");
        var grant = new ClientCredentialsGrant(new(url, id, secret, isInBody, scopes, audience), new SecretService(roots), TimeProvider.System);
        return CredentialKind.Parts.Bearer(context.Token(input.Name, grant.FetchAsync));
    });

    /// <summary>What a token should be for; may be missing.</summary>
    public static string[] ReadScopes(ConfigNode.Fields fields)
    {
        var scopes = fields.Has("scopes", out var node) ? node.Items() : [];
        // RFC 6749 §3.3.
        foreach (var scope in scopes.Where(s => s.Text().Any(c => c is <= ' ' or > '~' or '"' or '\\'))) scope.Fail($"expected a scope of visible ASCII without '\"' and '\\', got '{HostPort.Printable(scope.Text())}'");
        return [.. scopes.Select(s => s.Text())];
    }
}
