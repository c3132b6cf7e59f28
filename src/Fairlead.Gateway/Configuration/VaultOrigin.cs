using Fairlead.Gateway.Credentials;

namespace Fairlead.Gateway.Configuration;

/// <summary><c>from: vault</c>: a field of a secret in Vault or OpenBao.</summary>
internal static class VaultOrigin
{
    private const string ServiceAccountToken = "/var/run/secrets/kubernetes.io/serviceaccount/token";

    public static readonly SecretOrigin Origin = new("vault", ["address", "mount", "path", "field", "namespace", "auth", "ca"], input =>
    {
        var (fields, context) = (input.Fields, input.Context);
        var address = ConfigContext.HttpsUrl(fields.Required("address"));
        var mount = fields.Has("mount", out var mountNode) ? ReadPath(mountNode) : "secret";
        var path = ReadPath(fields.Required("path"));
        var field = fields.Required("field").Text();
        var space = fields.Has("namespace", out var spaceNode) ? ReadPath(spaceNode) : null;
        var login = ReadLogin(fields.Required("auth"), address, context);
        var roots = fields.Has("ca", out var ca) ? context.Roots(ca, !context.IsReview) : [];
        if (address is null || mount.Length == 0 || path.Length == 0 || field.Length == 0 || login is null) return null;
        var url = VaultStore.Place.UrlOf(address, mount, path);
        context.Sources.Add(SecretService.Name(url));
        return new VaultStore(input.Name, new(url, field, space), login, new SecretService(roots), input.Freshness, TimeProvider.System).FetchAsync;
    });

    private static VaultStore.Login? ReadLogin(ConfigNode node, Uri? address, ConfigContext context)
    {
        var fields = node.Closed("token", "kubernetes");
        var hasToken = fields.Has("token", out var tokenNode);
        var hasAccount = fields.Has("kubernetes", out var accountNode);
        if (hasToken == hasAccount)
        {
            if (node.Node is YamlDotNet.RepresentationModel.YamlMappingNode) node.Fail("expected one of 'token' and 'kubernetes'");
            return null;
        }

        if (hasToken) return context.ReadSource(tokenNode!) is { } source && context.ReadSecret("token", tokenNode!, source) is { } token ? new(token, null, null, null) : null;
        var account = accountNode!.Closed("role", "mount", "jwt");
        var role = account.Required("role").Text();
        var mount = account.Has("mount", out var mountNode) ? ReadPath(mountNode) : "kubernetes";
        var jwt = account.Has("jwt", out var jwtNode) ? context.PathOf(jwtNode) : ServiceAccountToken;
        return address is null || role.Length == 0 || mount.Length == 0 || jwt.Length == 0 ? null : new(null, VaultStore.Place.At(address, $"auth/{mount}/login"), role, jwt);
    }

    private static string ReadPath(ConfigNode node)
    {
        var path = node.Text().Trim('/');
        if (node.Text().Length == 0 || (path.Length > 0 && path.Split('/').All(s => s is not ("" or "." or "..") && s.All(c => c is > ' ' and <= '~')))) return path;
        node.Fail($"expected a path such as kv or ci/deploy, got '{Wire.HostPort.Printable(node.Text())}'");
        return "";
    }
}
