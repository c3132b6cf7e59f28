using Microsoft.IdentityModel.Tokens;

namespace Fairlead.Gateway.Identity;

/// <summary>Where an issuer's public keys come from.</summary>
internal abstract class KeySource
{
    // NIST SP 800-131A: a shorter modulus is no signature.
    private const int MinRsaBits = 2048;

    /// <summary>Equal for two sources that are configured alike.</summary>
    public abstract string Identity { get; }

    /// <summary>Why there is no key, in words; null while there is one.</summary>
    public abstract string? Problem { get; }

    /// <summary>The keys that a signature with this key id may be checked with; all of them when it names none. None found: the signature does not hold.</summary>
    /// <param name="keyId">The <c>kid</c> of the token, or null.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public abstract ValueTask<IReadOnlyList<SecurityKey>> FindAsync(string? keyId, CancellationToken cancellationToken);

    /// <summary>False when a key is surely no longer the issuer's, so that what was signed with it ends.</summary>
    public abstract bool StillHas(string keyId);

    /// <summary>Reads a JSON Web Key Set (RFC 7517).</summary>
    /// <param name="json">The set.</param>
    /// <param name="keys">Its public signature keys: RSA of 2,048 bits and more, and EC. Others are left out.</param>
    /// <returns>Null, or what is wrong.</returns>
    public static string? TryRead(string json, out IReadOnlyList<SecurityKey> keys)
    {
        keys = [];
        try
        {
            var set = new JsonWebKeySet(json);
            foreach (var key in set.Keys)
            {
                if (key.Kty is not ("RSA" or "EC") || key.Use is not (null or "" or "sig")) continue;
                if (key.HasPrivateKey) return "it holds a private key, which only the issuer may have; give the public half";
                key.KeyId ??= Base64UrlEncoder.Encode(key.ComputeJwkThumbprint());
                if (key.Kty == "RSA" && key.KeySize < MinRsaBits) continue;
                keys = [.. keys, key];
            }
        }
        catch (Exception e) when (e is ArgumentException or FormatException or System.Text.Json.JsonException or InvalidOperationException)
        {
            return $"expected a JSON Web Key Set: {e.Message.Split('\n')[0]}";
        }

        return keys.Count > 0 ? null : "it holds no RSA key of 2,048 bits or more and no EC key for signatures";
    }

    protected static IReadOnlyList<SecurityKey> Select(IReadOnlyList<SecurityKey> keys, string? keyId) =>
        keyId is null ? keys : [.. keys.Where(k => k.KeyId == keyId)];
}
