using Fairlead.Gateway.Credentials;
using Fairlead.Wire;
using YamlDotNet.RepresentationModel;

namespace Fairlead.Gateway.Configuration;

/// <summary><c>credentials</c>: what is added to requests, and to which.</summary>
internal static class CredentialsSection
{
    public static Dictionary<string, Credential> Read(ConfigNode node, Dictionary<string, Secret> secrets)
    {
        var credentials = new Dictionary<string, Credential>();
        foreach (var (name, value) in node.Entries())
        {
            var fields = value.Closed("use", "set", "secret", "hosts");
            var headers = new List<InjectedHeader>();
            var templates = fields.Required("use").OneOf("header", "bearer") switch
            {
                "header" => HeaderTemplates(fields),
                "bearer" => BearerTemplate(fields),
                _ => [],
            };
            foreach (var (header, template, at) in templates)
            {
                if (headers.Any(h => h.Name.Equals(header, StringComparison.OrdinalIgnoreCase))) at.Fail($"the header '{HostPort.Printable(header)}' is set twice");
                else if (InjectedHeader.TryCreate(header, template, secrets, out var made) is { } problem) at.Fail(problem);
                else headers.Add(made!);
            }

            var hosts = PoliciesSection.ReadHosts(fields.Required("hosts"), "a credential must be bound to named hosts; '**' would send it anywhere");
            if (hosts.Count == 0) value.Fail("'hosts' names no host, so the credential could never be used");
            credentials[name] = new Credential(name, headers, hosts);
        }

        return credentials;
    }

    private static List<(string Header, string Template, ConfigNode At)> HeaderTemplates(ConfigNode.Fields fields)
    {
        if (fields.Has("secret", out var secret)) secret.Fail("'secret' is for 'use: bearer'; here write the secret into 'set' as {name}");
        var set = fields.Required("set");
        var entries = set.Entries();
        if (entries.Count == 0 && set.Node is YamlMappingNode) set.Fail("it names no header, so the credential would add nothing");
        return [.. entries.Select(e => (e.Key, e.Value.Text(), e.Value))];
    }

    private static List<(string Header, string Template, ConfigNode At)> BearerTemplate(ConfigNode.Fields fields)
    {
        if (fields.Has("set", out var set)) set.Fail("'set' is for 'use: header'");
        var secret = fields.Required("secret");
        var name = secret.Text();
        return name.Length == 0 ? [] : [("Authorization", $"Bearer {{{name}}}", secret)];
    }
}
