using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Fairlead.Gateway.Credentials;
using Fairlead.Gateway.Identity;
using Fairlead.Gateway.Sessions;
using Microsoft.IdentityModel.Tokens;

namespace Fairlead.Tests.Gateway.Identity;

/// <summary>An issuer of tokens with a key of its own, as an orchestrator or a platform is one.</summary>
internal sealed class Signer
{
    public const string Issuer = "https://issuer.test";
    public const string Audience = "fairlead";

    public ECDsa Key { get; } = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public ECDsaSecurityKey SecurityKey => NamedKey("k1");

    public ECDsaSecurityKey NamedKey(string id) => new(Key) { KeyId = id };

    public TokenIssuer Trusted(string name = "orchestrator") => new(name, Issuer, Audience, ["ES256"], new FixedKeys("test", [SecurityKey]), null);

    /// <summary>The public half, as a key set.</summary>
    public string Jwks(string keyId = "k1")
    {
        var q = Key.ExportParameters(false).Q;
        return new JsonObject { ["keys"] = new JsonArray(new JsonObject { ["kty"] = "EC", ["crv"] = "P-256", ["use"] = "sig", ["kid"] = keyId, ["x"] = Base64UrlEncoder.Encode(q.X), ["y"] = Base64UrlEncoder.Encode(q.Y) }) }.ToJsonString();
    }

    /// <summary>Claims of a good token.</summary>
    public static JsonObject Claims(DateTimeOffset expires, string subject = "job-1", string role = "agent") =>
        new() { ["iss"] = Issuer, ["aud"] = Audience, ["sub"] = subject, ["exp"] = expires.ToUnixTimeSeconds(), ["role"] = role };

    /// <summary>A token that can be narrowed.</summary>
    public string Mint(JsonObject claims, DateTimeOffset now) => SessionToken.Mint(claims, SecurityKey, now);

    /// <summary>A JWT alone, as platforms sign them: any header, any claims.</summary>
    public string Sign(JsonObject claims, JsonObject? header = null)
    {
        var signed = $"{Part(header ?? new JsonObject { ["alg"] = "ES256", ["typ"] = "JWT", ["kid"] = "k1" })}.{Part(claims)}";
        return $"{signed}.{Base64UrlEncoder.Encode(Key.SignData(System.Text.Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256))}";
    }

    public static string Part(JsonObject json) => Base64UrlEncoder.Encode(json.ToJsonString());

    /// <summary>An entry for tokens of <see cref="Trusted"/> with <c>role: agent</c>.</summary>
    public static SessionEntry Entry(string id = "agents", string[]? rules = null, TimeSpan? lifetime = null, SessionLimits? limits = null, string role = "agent", string issuer = "orchestrator") =>
        new(new Session(id, [], Edge.PolicyOf(rules ?? ["allow * **"]), new CredentialSet([])) { Limits = limits ?? SessionLimits.None }, issuer, [new ClaimCondition("role", [role])], lifetime);

    public SessionSet Set(params SessionEntry[] entries) => new([], entries.Length == 0 ? [Entry()] : entries, [Trusted()], new HashSet<string>());
}
