using Fairlead.Gateway.Credentials;

namespace Fairlead.Gateway.Configuration;

/// <summary><c>secrets</c>: where the bytes come from.</summary>
internal static class SecretsSection
{
    public static Dictionary<string, Secret> Read(ConfigNode node, ConfigContext context)
    {
        var secrets = new Dictionary<string, Secret>();
        foreach (var (name, value) in node.Entries())
        {
            // A secret that cannot be read was reported; that it is missing elsewhere too would only be noise. Nothing is made of a file with errors.
            var secret = context.ReadSource(value) is { } source ? context.ReadSecret(name, value, source) : null;
            secrets[name] = secret ?? Secret.Unreadable(name);
        }

        return secrets;
    }
}
