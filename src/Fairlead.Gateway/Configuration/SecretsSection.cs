using Fairlead.Gateway.Credentials;
using YamlDotNet.RepresentationModel;

namespace Fairlead.Gateway.Configuration;

/// <summary><c>secrets</c>: where the bytes come from.</summary>
internal static class SecretsSection
{
    private static readonly TimeSpan DefaultTtl = TimeSpan.FromMinutes(5);

    public static Dictionary<string, ISecret> Read(ConfigNode node, ConfigContext context)
    {
        var secrets = new Dictionary<string, ISecret>();
        foreach (var (name, value) in node.Entries())
        {
            // A secret that cannot be read was reported; that it is missing elsewhere too would only be noise. Nothing is made of a file with errors.
            ISecret? secret = IsExec(value) ? ReadCommand(name, value, context) : context.ReadSource(value, "exec") is { } source ? context.ReadSecret(name, value, source) : null;
            secrets[name] = secret ?? Secret.Unreadable(name);
        }

        return secrets;
    }

    private static bool IsExec(ConfigNode node) =>
        node.Node is YamlMappingNode mapping && mapping.Children.Any(c => c is { Key: YamlScalarNode { Value: "from" }, Value: YamlScalarNode { Value: "exec" } });

    private static FetchedSecret? ReadCommand(string name, ConfigNode node, ConfigContext context)
    {
        var fields = node.Closed("from", "command", "ttl", "on_error");
        var commandNode = fields.Required("command");
        List<string> command = [.. commandNode.Items().Select(i => i.Text())];
        if (command.Count == 0 && commandNode.Node is YamlSequenceNode) commandNode.Fail("it names no program");
        // As everywhere, relative paths begin at the file; a bare name is looked for where programs are.
        if (command.Count > 0 && command[0].Contains('/', StringComparison.Ordinal)) command[0] = context.ExistingFile(commandNode.Items()[0]);
        var ttl = (fields.Has("ttl", out var ttlNode) ? Units.ReadTime(ttlNode) : null) ?? DefaultTtl;
        var stale = fields.Has("on_error", out var errorNode) ? ReadStale(errorNode) : TimeSpan.Zero;
        if (context.IsReview || command.Count == 0 || command.Contains("")) return null;
        var source = new SecretCommand(name, command, context.SecretVariables, ttl, stale, TimeProvider.System);
        var secret = new FetchedSecret(name, source.FetchAsync, TimeProvider.System);
        context.Fetched.Add((node, secret));
        return secret;
    }

    private static TimeSpan ReadStale(ConfigNode node)
    {
        if (node.Node is not YamlMappingNode)
        {
            if (node.Text() is { Length: > 0 } word && word != "deny") node.Fail($"expected deny or {{ use_stale: TIME }}, got '{Wire.HostPort.Printable(word)}'");
            return TimeSpan.Zero;
        }

        return Units.ReadTime(node.Closed("use_stale").Required("use_stale")) ?? TimeSpan.Zero;
    }
}
