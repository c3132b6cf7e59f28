using Microsoft.IdentityModel.Tokens;

namespace Fairlead.Gateway.Identity;

/// <summary>Keys that were read with the configuration.</summary>
/// <param name="identity">Where they are from.</param>
/// <param name="keys">The keys.</param>
internal sealed class FixedKeys(string identity, IReadOnlyList<SecurityKey> keys) : KeySource
{
    public override string Identity => identity;

    public override string? Problem => null;

    public override ValueTask<IReadOnlyList<SecurityKey>> FindAsync(string? keyId, CancellationToken cancellationToken) => ValueTask.FromResult(Select(keys, keyId));

    public override bool StillHas(string keyId) => keys.Any(k => k.KeyId == keyId);
}
