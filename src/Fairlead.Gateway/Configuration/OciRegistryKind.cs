using Fairlead.Gateway.Credentials;

namespace Fairlead.Gateway.Configuration;

/// <summary><c>use: oci-registry</c>: tokens of an image registry's realm, each for what a request needs.</summary>
internal static class OciRegistryKind
{
    public static readonly CredentialKind Kind = new("oci-registry", ["username", "password", "token_url", "service", "realm_hosts", "token_ca", "existing"], input =>
    {
        var (fields, context) = (input.Fields, input.Context);
        var username = fields.Has("username", out var userNode) ? userNode.Text() : "token";
        // RFC 7617 §2: the user ends at the first colon.
        if (username.Any(c => c is ':' or < ' ' or > '~')) userNode!.Fail("expected visible ASCII without ':', which would end the user's name (RFC 7617)");
        var password = input.Secret("password");
        var realm = fields.Has("token_url", out var urlNode) && ConfigContext.HttpsUrl(urlNode) is { } url ? new OciRealm(url, fields.Has("service", out var service) ? service.Text() : null) : null;
        var realmHosts = fields.Has("realm_hosts", out var hostsNode) ? PoliciesSection.ReadHosts(hostsNode, "the realm must be on named hosts; '**' would take the password anywhere") : [];
        if (urlNode is null == hostsNode is null) fields.Required("use").Fail("it needs one of 'token_url', where the realm is, and 'realm_hosts', where the registry may say that it is");
        if (urlNode is null && fields.Has("service", out var alone)) alone.Fail("'service' stands beside 'token_url'");
        if (urlNode is null) FailOnWildcards(fields.Required("hosts"));
        var roots = fields.Has("token_ca", out var ca) ? context.Roots(ca, !context.IsReview) : [];
        if (password is null) return new();
        context.Sources.Add($"a token of {(realm is null ? "the registry's realm" : SecretService.Name(realm.Url))}");
        var registry = new OciRegistry(new(username, password, realm, realmHosts), new SecretService(roots), TimeProvider.System);
        return CredentialKind.Parts.Bearer(context.Tokens(input.Name, OciScope.Of, registry.FetchAsync));
    });

    // The gateway asks the registry itself, unguarded: which host that is must not be the workload's to choose.
    private static void FailOnWildcards(ConfigNode hosts)
    {
        if (hosts.Node is not YamlDotNet.RepresentationModel.YamlSequenceNode) return;
        foreach (var host in hosts.Items().Where(h => h.Text().Contains('*', StringComparison.Ordinal))) host.Fail("a realm is learned from a registry with a name of its own; with '*', name the realm ('token_url')");
    }
}
