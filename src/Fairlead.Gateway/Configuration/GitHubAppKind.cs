using System.Globalization;
using Fairlead.Gateway.Credentials;
using Fairlead.Wire;

namespace Fairlead.Gateway.Configuration;

/// <summary><c>use: github-app</c>: tokens of an installation of a GitHub App, each for what a request needs.</summary>
internal static class GitHubAppKind
{
    public static readonly CredentialKind Kind = new("github-app", ["app_id", "private_key", "installation_id", "api", "repositories", "permissions", "derive", "token_ca", "existing"], input =>
    {
        var (fields, context) = (input.Fields, input.Context);
        var id = fields.Required("app_id").Text();
        var key = ReadKey(fields.Required("private_key"), context);
        var installation = fields.Required("installation_id");
        if (!long.TryParse(installation.Text(), NumberStyles.None, CultureInfo.InvariantCulture, out var number) && installation.Text().Length > 0) installation.Fail($"expected a number, got '{HostPort.Printable(installation.Text())}'");
        var api = fields.Has("api", out var apiNode) ? ConfigContext.HttpsUrl(apiNode) : new Uri("https://api.github.com");
        string[] repositories = fields.Has("repositories", out var repositoriesNode) ? [.. repositoriesNode.Items().Select(ReadRepository)] : [];
        var permissions = fields.Has("permissions", out var permissionsNode) ? ReadPermissions(permissionsNode) : null;
        var isDerived = !fields.Has("derive", out var derive) || derive.OneOf("true", "false") != "false";
        var roots = fields.Has("token_ca", out var ca) ? context.Roots(ca, !context.IsReview) : [];
        if (api is null || id.Length == 0) return new();
        context.Sources.Add($"a token of {SecretService.Name(api)}");
        var scope = new GitHubScope(api, repositories, permissions, isDerived);
        // A file that is only looked at has no key, and its token is never asked for.
        var app = key is null ? null : new GitHubApp(new(api, id, number, key), new SecretService(roots), TimeProvider.System);
        return Shapes(context.Tokens(input.Name, scope.For, (narrowing, cancellation) => app!.FetchAsync(narrowing, cancellation)), scope);
    });

    // RFC 6750 for the API; git over https knows user and password only.
    private static CredentialKind.Parts Shapes(ISecret token, GitHubScope scope)
    {
        var secrets = new Dictionary<string, ISecret> { ["token"] = token };
        _ = InjectedHeader.TryCreate("Authorization", "Bearer {token}", secrets, out var bearer, isFor: r => !scope.IsGit(r));
        _ = InjectedHeader.TryCreate("Authorization", "x-access-token:{token}", secrets, out var basic, BasicKind.Encode, scope.IsGit);
        return new() { Headers = [bearer!, basic!], Secret = token };
    }

    private static JwtSigner? ReadKey(ConfigNode node, ConfigContext context)
    {
        if (context.ReadSource(node) is not { } source || context.IsReview) return null;
        if (source.TryRead(out var pem) is { } missing) node.Fail(missing);
        else if (JwtSigner.TryRead(pem, null, out var key, out var problem)) return key;
        else node.Fail(problem);
        return null;
    }

    private static string ReadRepository(ConfigNode node)
    {
        var text = node.Text();
        if (text.Length > 0 && (text.Split('/') is not [{ Length: > 0 }, { Length: > 0 }] || !text.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' or '/'))) node.Fail($"expected OWNER/NAME, got '{HostPort.Printable(text)}'");
        return text;
    }

    private static Dictionary<string, string> ReadPermissions(ConfigNode node)
    {
        var permissions = new Dictionary<string, string>();
        foreach (var (name, level) in node.Entries()) permissions[name] = level.OneOf("read", "write", "admin");
        if (permissions.Count == 0) node.Fail("it names no permission; leave it out for all that the installation has");
        return permissions;
    }
}
