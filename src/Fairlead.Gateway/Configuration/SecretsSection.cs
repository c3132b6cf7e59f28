using Fairlead.Gateway.Credentials;
using YamlDotNet.RepresentationModel;

namespace Fairlead.Gateway.Configuration;

/// <summary><c>secrets</c>: where the bytes come from.</summary>
internal static class SecretsSection
{
    private static readonly TimeSpan DefaultTtl = TimeSpan.FromMinutes(5);

    // Those that are asked again and again, beside the constant ones of 'env' and 'file'.
    private static readonly SecretOrigin[] Origins =
    [
        ExecOrigin.Origin,
        VaultOrigin.Origin,
        AwsSecretsManagerOrigin.Origin,
    ];

    public static Dictionary<string, ISecret> Read(ConfigNode node, ConfigContext context)
    {
        var secrets = new Dictionary<string, ISecret>();
        foreach (var (name, value) in node.Entries())
        {
            context.Sources.Clear();
            // A secret that cannot be read was reported; that it is missing elsewhere too would only be noise. Nothing is made of a file with errors.
            ISecret? secret = OriginOf(value) is { } origin ? ReadFetched(name, value, origin, context)
                : context.ReadSource(value, [.. Origins.Select(o => o.From)]) is { } source ? context.ReadSecret(name, value, source) : null;
            secrets[name] = secret ?? Secret.Unreadable(name);
            context.Origins[name] = string.Join(", ", context.Sources);
        }

        return secrets;
    }

    private static SecretOrigin? OriginOf(ConfigNode node) =>
        node.Node is YamlMappingNode mapping ? Origins.FirstOrDefault(o => mapping.Children.Any(c => c is { Key: YamlScalarNode { Value: "from" }, Value: YamlScalarNode from } && from.Value == o.From)) : null;

    private static FetchedSecret? ReadFetched(string name, ConfigNode node, SecretOrigin origin, ConfigContext context)
    {
        var fields = node.Closed(["from", .. origin.Keys, "ttl", "on_error"]);
        var ttl = (fields.Has("ttl", out var ttlNode) ? Units.ReadTime(ttlNode) : null) ?? DefaultTtl;
        var stale = fields.Has("on_error", out var errorNode) ? ReadStale(errorNode) : TimeSpan.Zero;
        if (origin.Read(new(name, fields, new Freshness(ttl, stale), context)) is not { } fetch || context.IsReview) return null;
        var secret = new FetchedSecret(name, fetch, TimeProvider.System);
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
