using System.Text;
using Fairlead.Gateway.Credentials;
using Fairlead.Wire;
using YamlDotNet.RepresentationModel;

namespace Fairlead.Gateway.Configuration;

/// <summary><c>credentials</c>: what is added to requests, and to which.</summary>
internal static class CredentialsSection
{
    private const string Grant = "oauth2-client-credentials";

    // Which keys are for which 'use'.
    private static readonly Dictionary<string, string[]> KeysOf = new()
    {
        ["header"] = ["set", "existing"],
        ["bearer"] = ["secret", "existing"],
        ["basic"] = ["username", "password", "existing"],
        ["query"] = ["set"],
        ["placeholder"] = ["secret"],
        [Grant] = ["token_url", "client_id", "client_secret", "scopes", "audience", "client_auth", "token_ca", "existing"],
    };

    private static readonly string[] OfAll = ["use", "hosts", "placeholder", "swap"];

    public static Dictionary<string, Credential> Read(ConfigNode node, Dictionary<string, ISecret> secrets, ConfigContext context)
    {
        var credentials = new Dictionary<string, Credential>();
        foreach (var (name, value) in node.Entries())
        {
            var fields = value.Closed([.. OfAll, .. KeysOf.Values.SelectMany(k => k).Distinct()]);
            var use = fields.Required("use").OneOf([.. KeysOf.Keys]);
            FailOnForeignKeys(fields, use);
            var headers = new List<InjectedHeader>();
            var parameters = new List<InjectedParameter>();
            ISecret? secret = null;
            switch (use)
            {
                case "header": ReadHeaders(fields, secrets, headers); break;
                case "query": ReadParameters(fields, secrets, parameters); break;
                case "bearer": AddBearer(headers, fields.Required("secret"), secrets); break;
                case "basic": (headers, secret) = ReadBasic(fields, secrets); break;
                case "placeholder": secret = ConfigContext.Named(fields.Required("secret"), secrets, "secret"); break;
                case Grant: secret = GrantReader.Read(name, fields, secrets, context); AddBearer(headers, secret); break;
            }

            secret ??= (ISecret[])[.. headers.Select(h => h.OnlySecret()).Concat(parameters.Select(p => p.OnlySecret())).OfType<ISecret>().Distinct()] is [var only] ? only : null;
            var hosts = PoliciesSection.ReadHosts(fields.Required("hosts"), "a credential must be bound to named hosts; '**' would send it anywhere");
            if (hosts.Count == 0) value.Fail("'hosts' names no host, so the credential could never be used");
            var placeholder = PlaceholderReader.Read(fields, use, secret, credentials.Values);
            credentials[name] = new Credential(name, headers, hosts) { Parameters = parameters, Placeholder = placeholder, Existing = ReadExisting(fields) };
        }

        return credentials;
    }

    private static void FailOnForeignKeys(ConfigNode.Fields fields, string use)
    {
        if (use.Length == 0) return;
        foreach (var key in KeysOf.Values.SelectMany(k => k).Distinct().Except(KeysOf[use]))
        {
            if (!fields.Has(key, out var foreign)) continue;
            var hint = key == "secret" && KeysOf[use].Contains("set") ? "; here write the secret into 'set' as {name}" : "";
            foreign.Fail($"'{key}' is for {string.Join(" or ", KeysOf.Where(k => k.Value.Contains(key)).Select(k => $"'use: {k.Key}'"))}{hint}");
        }
    }

    private static void ReadHeaders(ConfigNode.Fields fields, Dictionary<string, ISecret> secrets, List<InjectedHeader> headers)
    {
        foreach (var (name, at) in SetOf(fields, "header"))
        {
            if (headers.Any(h => h.IsNamed(name))) at.Fail($"the header '{HostPort.Printable(name)}' is set twice");
            else if (InjectedHeader.TryCreate(name, at.Text(), secrets, out var made) is { } problem) at.Fail(problem);
            else headers.Add(made!);
        }
    }

    private static void ReadParameters(ConfigNode.Fields fields, Dictionary<string, ISecret> secrets, List<InjectedParameter> parameters)
    {
        foreach (var (name, at) in SetOf(fields, "parameter"))
        {
            if (parameters.Any(p => p.Name.Equals(name, StringComparison.OrdinalIgnoreCase))) at.Fail($"the parameter '{HostPort.Printable(name)}' is set twice");
            else if (InjectedParameter.TryCreate(name, at.Text(), secrets, out var made) is { } problem) at.Fail(problem);
            else parameters.Add(made!);
        }
    }

    private static IReadOnlyList<(string Name, ConfigNode At)> SetOf(ConfigNode.Fields fields, string what)
    {
        var set = fields.Required("set");
        var entries = set.Entries();
        if (entries.Count == 0 && set.Node is YamlMappingNode) set.Fail($"it names no {what}, so the credential would add nothing");
        return entries;
    }

    private static void AddBearer(List<InjectedHeader> headers, ConfigNode node, Dictionary<string, ISecret> secrets)
    {
        var name = node.Text();
        if (name.Length == 0) return;
        if (InjectedHeader.TryCreate("Authorization", $"Bearer {{{name}}}", secrets, out var made) is { } problem) node.Fail(problem);
        else headers.Add(made!);
    }

    private static void AddBearer(List<InjectedHeader> headers, ISecret? token)
    {
        if (token is null) return;
        _ = InjectedHeader.TryCreate("Authorization", "Bearer {token}", new Dictionary<string, ISecret> { ["token"] = token }, out var made);
        headers.Add(made!);
    }

    private static (List<InjectedHeader> Headers, ISecret? Password) ReadBasic(ConfigNode.Fields fields, Dictionary<string, ISecret> secrets)
    {
        var username = fields.Required("username");
        var passwordNode = fields.Required("password");
        var password = ConfigContext.Named(passwordNode, secrets, "secret");
        // RFC 7617 §2: the user ends at the first colon.
        if (username.Text().Contains(':', StringComparison.Ordinal)) username.Fail("a ':' would end the user's name (RFC 7617)");
        if (password is null || username.Text().Length == 0) return ([], password);
        var problem = InjectedHeader.TryCreate("Authorization", $"{username.Text()}:{{{passwordNode.Text()}}}", secrets, out var header, pair => "Basic " + Convert.ToBase64String(Encoding.ASCII.GetBytes(pair)));
        if (problem is not null) username.Fail(problem);
        return (header is null ? [] : [header], password);
    }

    private static ExistingHeader ReadExisting(ConfigNode.Fields fields)
    {
        if (!fields.Has("existing", out var node)) return ExistingHeader.Replace;
        var existing = node.OneOf("replace", "keep", "refuse-unless-placeholder");
        if (existing != "refuse-unless-placeholder") return existing == "keep" ? ExistingHeader.Keep : ExistingHeader.Replace;
        if (!fields.Has("placeholder", out _)) node.Fail("it needs a 'placeholder'");
        return ExistingHeader.RefuseUnlessPlaceholder;
    }
}
