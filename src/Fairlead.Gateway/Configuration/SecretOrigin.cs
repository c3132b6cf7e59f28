using Fairlead.Gateway.Credentials;

namespace Fairlead.Gateway.Configuration;

/// <summary>A place that secrets are fetched from, and fetched again when their time is over.</summary>
/// <param name="From">Its word at <c>from</c>.</param>
/// <param name="Keys">The keys of its own, beside <c>ttl</c> and <c>on_error</c>.</param>
/// <param name="Read">Makes of them how the secret is fetched; null when something was wrong. Nothing is fetched here.</param>
internal sealed record SecretOrigin(string From, string[] Keys, Func<SecretOrigin.Input, Func<CancellationToken, Task<FetchedSecret.Kept>>?> Read)
{
    /// <summary>What an origin reads.</summary>
    /// <param name="Name">The name of the secret.</param>
    /// <param name="Fields">Its keys.</param>
    /// <param name="Freshness">How long a value is used.</param>
    /// <param name="Context">What the sections share.</param>
    internal sealed record Input(string Name, ConfigNode.Fields Fields, Freshness Freshness, ConfigContext Context);
}
