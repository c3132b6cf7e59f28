using Fairlead.Gateway.Credentials;
using Fairlead.Gateway.Signing;
using YamlDotNet.RepresentationModel;

namespace Fairlead.Gateway.Configuration;

/// <summary><c>from: aws-secrets-manager</c>: a secret of AWS Secrets Manager.</summary>
internal static class AwsSecretsManagerOrigin
{
    private static readonly string[] KeyNames = ["access_key_id", "secret_access_key", "session_token"];

    public static readonly SecretOrigin Origin = new("aws-secrets-manager", ["secret_id", "region", "field", "version_stage", .. KeyNames, "endpoint", "ca"], input =>
    {
        var (fields, context) = (input.Fields, input.Context);
        var id = fields.Required("secret_id").Text();
        var regionNode = fields.Required("region");
        var region = regionNode.Text();
        if (region.Length > 0 && !AwsScope.IsName(region)) regionNode.Fail("expected a region such as eu-central-1");
        var endpoint = fields.Has("endpoint", out var at) ? ConfigContext.HttpsUrl(at)
            : AwsScope.IsName(region) ? new Uri($"https://secretsmanager.{region}.amazonaws.com{(region.StartsWith("cn-", StringComparison.Ordinal) ? ".cn" : "")}/") : null;
        var roots = fields.Has("ca", out var ca) ? context.Roots(ca, !context.IsReview) : [];
        var (keyId, key, token) = KeyNames.Any(n => fields.Has(n, out _)) ? ReadKey(fields, context) : ReadEnvironment(fields.Required("secret_id"), context);
        if (id.Length == 0 || endpoint is null || keyId is null || key is null) return null;
        var wanted = new AwsSecretsManager.Wanted(input.Name, endpoint, region, id, TextOf(fields, "field"), TextOf(fields, "version_stage"), keyId, key, token);
        return new AwsSecretsManager(wanted, new SecretService(roots), input.Freshness, TimeProvider.System).FetchAsync;
    });

    private static (string? KeyId, Secret? Key, Secret? Token) ReadKey(ConfigNode.Fields fields, ConfigContext context)
    {
        var idNode = fields.Required("access_key_id");
        var id = idNode.Node is YamlScalarNode ? idNode.Text() : ReadSource(idNode, "access_key_id", context)?.Reveal();
        return (string.IsNullOrEmpty(id) ? null : id, ReadSource(fields.Required("secret_access_key"), "secret_access_key", context), fields.Has("session_token", out var token) ? ReadSource(token, "session_token", context) : null);
    }

    private static Secret? ReadSource(ConfigNode node, string name, ConfigContext context) => node.Node is not null && context.ReadSource(node) is { } source ? context.ReadSecret(name, node, source) : null;

    // The variables by which the tools of AWS know their key.
    private static (string? KeyId, Secret? Key, Secret? Token) ReadEnvironment(ConfigNode node, ConfigContext context)
    {
        context.SecretVariables.AddRange(["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"]);
        Secret? Of(string variable) => context.ReadSecret(variable, node, new SecretSource(variable, null));
        var hasToken = Environment.GetEnvironmentVariable("AWS_SESSION_TOKEN") is { Length: > 0 };
        return (Of("AWS_ACCESS_KEY_ID")?.Reveal(), Of("AWS_SECRET_ACCESS_KEY"), hasToken ? Of("AWS_SESSION_TOKEN") : null);
    }

    private static string? TextOf(ConfigNode.Fields fields, string key) => fields.Has(key, out var node) && node.Text() is { Length: > 0 } text ? text : null;
}
