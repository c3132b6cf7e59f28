using Fairlead.Gateway.Credentials;
using Fairlead.Gateway.Upstream;
using Fairlead.Wire;

namespace Fairlead.Gateway.Configuration;

/// <summary>One of <c>upstream.proxies</c>: a way out of a network that has no other.</summary>
internal static class ProxySection
{
    public static EgressProxy? Read(ConfigNode node, ConfigContext context)
    {
        var fields = node.Closed("proxy", "hosts", "username", "password", "resolve");
        var address = ReadAddress(fields.Required("proxy"), out var isDirect);
        var hostsNode = fields.Required("hosts");
        var hosts = PoliciesSection.ReadHosts(hostsNode);
        if (hosts.Count == 0 && hostsNode.Node is not null) hostsNode.Fail("it names no host, so the entry would never be used");
        var resolves = fields.Has("resolve", out var resolve) && resolve.OneOf("proxy", "gateway") == "gateway";
        var (user, password) = ReadCredentials(node, fields, context);
        if (isDirect)
        {
            foreach (var (key, given) in new[] { ("username", fields.Has("username", out _)), ("password", fields.Has("password", out _)), ("resolve", resolve is not null) })
            {
                if (given) node.Fail($"'{key}' is for a proxy; 'proxy: direct' has none");
            }
        }

        return address is null && !isDirect ? null : new EgressProxy(address, hosts) { ResolvesHere = resolves, User = user, Password = password };
    }

    private static HostPort? ReadAddress(ConfigNode node, out bool isDirect)
    {
        var text = node.Text();
        isDirect = text == "direct";
        if (isDirect || text.Length == 0) return null;
        const string scheme = "http://";
        var authority = text.StartsWith(scheme, StringComparison.Ordinal) ? text[scheme.Length..].TrimEnd('/') : "";
        if (authority.Length > 0 && HostPort.TryParse(authority, out var address, out _)) return address;
        // What stands before '@' may be a password, and is not shown.
        node.Fail(text.Contains('@', StringComparison.Ordinal)
            ? "expected http://HOST:PORT or direct; credentials go under 'username' and 'password'"
            : $"expected http://HOST:PORT or direct, got '{HostPort.Printable(text)}'");
        return null;
    }

    private static (string? User, Secret? Password) ReadCredentials(ConfigNode node, ConfigNode.Fields fields, ConfigContext context)
    {
        var hasUser = fields.Has("username", out var userNode);
        var hasPassword = fields.Has("password", out var passwordNode);
        if (hasUser != hasPassword) node.Fail($"'{(hasUser ? "password" : "username")}' is missing: a proxy wants both or neither");
        var user = userNode?.Text();
        // RFC 7617 §2: the user ends at the first colon.
        if (user?.Any(c => c is < ' ' or > '~' or ':') == true) userNode!.Fail($"expected visible ASCII without ':', got '{HostPort.Printable(user)}'");
        var password = passwordNode is not null && context.ReadSource(passwordNode) is { } source ? context.ReadSecret("password", passwordNode, source) : null;
        return user is null || password is null ? (null, null) : (user, password);
    }
}
