using Fairlead.Gateway.Credentials;

namespace Fairlead.Gateway.Configuration;

/// <summary><c>use: google-service-account</c>: access tokens, or ID tokens, of a service account of Google Cloud.</summary>
internal static class GoogleServiceAccountKind
{
    private const string UsualTokenUrl = "https://oauth2.googleapis.com/token";

    public static readonly CredentialKind Kind = new("google-service-account", ["key", "scopes", "subject", "audience", "token_url", "token_ca", "existing"], input =>
    {
        var (fields, context) = (input.Fields, input.Context);
        var url = fields.Has("token_url", out var urlNode) ? ConfigContext.HttpsUrl(urlNode) : new Uri(UsualTokenUrl);
        var keyNode = fields.Required("key");
        var (file, key) = ReadKey(keyNode, context);
        // The file comes from elsewhere: where the assertion goes is not for it alone to say.
        if (url is not null && file?.TokenUri is { } stated && stated != url.OriginalString) keyNode.Fail($"its token_uri is {Wire.HostPort.Printable(stated)}; if that is right, write the same at 'token_url'");
        var scopes = ClientCredentialsKind.ReadScopes(fields);
        var subject = fields.Has("subject", out var subjectNode) ? subjectNode.Text() : null;
        var audience = fields.Has("audience", out var audienceNode) ? audienceNode.Text() : null;
        if (audience is null == (scopes.Length == 0)) fields.Required("use").Fail("it needs one of 'scopes', for access tokens, and 'audience', for ID tokens");
        var roots = fields.Has("token_ca", out var ca) ? context.Roots(ca, !context.IsReview) : [];
        if (url is null) return new();
        context.Sources.Add($"a token of {SecretService.Name(url)}");
        // A file that is only looked at has no key, and its token is never asked for.
        var account = file is null || key is null ? null : new GoogleServiceAccount(new(file.Email, key, url, scopes, subject, audience), new SecretService(roots), TimeProvider.System);
        return CredentialKind.Parts.Bearer(context.Token(input.Name, cancellation => account!.FetchAsync(cancellation)));
    });

    private static (GoogleServiceAccount.KeyFile? File, JwtSigner? Key) ReadKey(ConfigNode node, ConfigContext context)
    {
        if (context.ReadSource(node) is not { } source || context.IsReview) return default;
        if (source.TryRead(out var json) is { } missing) node.Fail(missing);
        else if (GoogleServiceAccount.KeyFile.TryRead(json) is not { } file) node.Fail("expected the key of a service account in JSON, with 'type', 'client_email' and 'private_key'");
        else if (!JwtSigner.TryRead(file.Pem, file.KeyId, out var key, out var problem)) node.Fail($"its private_key: {problem}");
        else return (file, key);
        return default;
    }
}
