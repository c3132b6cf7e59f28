using Fairlead.Gateway.Credentials;

namespace Fairlead.Gateway.Configuration;

/// <summary><c>use: oauth2-refresh-token</c>: access tokens of a consent that somebody gave.</summary>
internal static class RefreshTokenKind
{
    public static readonly CredentialKind Kind = new("oauth2-refresh-token", ["token_url", "client_id", "client_secret", "refresh_token", "scopes", "client_auth", "state", "token_ca", "existing"], input =>
    {
        var (fields, context) = (input.Fields, input.Context);
        var url = ConfigContext.HttpsUrl(fields.Required("token_url"));
        var id = fields.Required("client_id").Text();
        var secret = fields.Has("client_secret", out _) ? input.Secret("client_secret") : null;
        var refresh = input.Secret("refresh_token");
        var scopes = ClientCredentialsKind.ReadScopes(fields);
        var isInBody = fields.Has("client_auth", out var auth) && auth.OneOf("basic", "body") == "body";
        var state = fields.Has("state", out var stateNode) ? ReadState(stateNode, context) : null;
        var roots = fields.Has("token_ca", out var ca) ? context.Roots(ca, !context.IsReview) : [];
        if (url is null || id.Length == 0 || refresh is null) return new();
        context.Sources.Add($"a token of {SecretService.Name(url)}");
        var grant = new RefreshTokenGrant(new(url, id, secret, refresh, state, isInBody, scopes), new SecretService(roots), TimeProvider.System);
        // Whoever else uses the token may be given its successor, and then the gateway's is void.
        var only = state is null ? "without 'state', a new refresh token that the endpoint may give would be lost to the gateway" : null;
        return CredentialKind.Parts.Bearer(context.Token(input.Name, grant.FetchAsync)) with { ForGatewayOnly = only };
    });

    // Not watched: the gateway itself writes it.
    private static string? ReadState(ConfigNode node, ConfigContext context)
    {
        var file = context.PathOf(node);
        if (file.Length == 0) return null;
        if (!context.IsReview && !Directory.Exists(Path.GetDirectoryName(file))) node.Fail($"the directory of {file} does not exist");
        if (!context.StateFiles.Add(file)) node.Fail("another credential has the same file, and each would overwrite what the other needs");
        return file;
    }
}
