using System.Security.Cryptography.X509Certificates;
using Fairlead.Gateway.Credentials;
using Fairlead.Wire;

namespace Fairlead.Gateway.Configuration;

/// <summary>The keys of <c>use: oauth2-client-credentials</c>.</summary>
internal static class GrantReader
{
    public static ISecret? Read(string name, ConfigNode.Fields fields, Dictionary<string, ISecret> secrets, ConfigContext context)
    {
        var urlNode = fields.Required("token_url");
        var isUrl = Uri.TryCreate(urlNode.Text(), UriKind.Absolute, out var url) && url.Scheme == Uri.UriSchemeHttps && url.UserInfo.Length == 0 && url.Fragment.Length == 0;
        if (!isUrl && urlNode.Text().Length > 0) urlNode.Fail("expected an https URL without user and fragment");
        var id = fields.Required("client_id").Text();
        var secret = ConfigContext.Named(fields.Required("client_secret"), secrets, "secret");
        var scopes = fields.Has("scopes", out var scopesNode) ? scopesNode.Items() : [];
        // RFC 6749 §3.3.
        foreach (var scope in scopes.Where(s => s.Text().Any(c => c is <= ' ' or > '~' or '"' or '\\'))) scope.Fail($"expected a scope of visible ASCII without '\"' and '\\', got '{HostPort.Printable(scope.Text())}'");
        var audience = fields.Has("audience", out var audienceNode) ? audienceNode.Text() : null;
        var isInBody = fields.Has("client_auth", out var auth) && auth.OneOf("basic", "body") == "body";
        var roots = fields.Has("token_ca", out var ca) ? ReadRoots(ca, context) : [];
        if (!isUrl || id.Length == 0 || secret is null) return null;
        if (context.IsReview) return Secret.Unreadable(name);
        var grant = new ClientCredentialsGrant(new(url!, id, secret, isInBody, [.. scopes.Select(s => s.Text())], audience), roots, TimeProvider.System);
        var token = new FetchedSecret($"{name} (token)", grant.FetchAsync, TimeProvider.System);
        context.Tokens.Add(token);
        return token;
    }

    private static X509Certificate2Collection ReadRoots(ConfigNode node, ConfigContext context)
    {
        var roots = new X509Certificate2Collection();
        if (context.ExistingFile(node) is not { Length: > 0 } file || context.IsReview) return roots;
        context.WatchedFiles.Add(file);
        try
        {
            roots.ImportFromPemFile(file);
            if (roots.Count == 0) node.Fail($"{file} holds no certificate in PEM");
        }
        catch (Exception e) when (e is System.Security.Cryptography.CryptographicException or IOException or UnauthorizedAccessException)
        {
            node.Fail($"{file} cannot be read as certificates: {e.Message}");
        }

        return roots;
    }
}
