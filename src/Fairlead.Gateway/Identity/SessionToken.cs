using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Fairlead.Gateway.Identity;

/// <summary>
/// A token that can be narrowed by whoever holds it, without asking anybody:
/// <code>
/// JWT ~ KEY                    JWT is signed by the issuer and names a public key (cnf, RFC 7800); KEY is its private half
/// JWT ~ CHILD ~ KEY'           CHILD is a JWT signed with KEY, says what it may and names the next key; KEY itself is not passed on
/// </code>
/// So a child can be made of a token, and no parent of a child. A token without keys, as a platform's issuer signs it, is a JWT alone and cannot be narrowed.
/// The whole is one bearer token: '~' is in the alphabet of RFC 6750 §2.1.
/// </summary>
/// <param name="Root">What the issuer signed.</param>
/// <param name="Children">What holders signed, each with the key of the one before.</param>
/// <param name="Key">The private half of the last key that is named; null for a JWT alone.</param>
internal sealed record SessionToken(string Root, IReadOnlyList<string> Children, byte[]? Key)
{
    /// <summary>Children of children, at most.</summary>
    public const int MaxDepth = 4;

    private const int MaxLength = 16 * 1024;
    private const int ScalarBytes = 32;
    // The shared one would keep a key that is gone by the next signature.
    private static readonly CryptoProviderFactory Signing = new() { CacheSignatureProviders = false };
    private const string NamesNoKey = "the token has a key that it does not name";
    private const string ChildType = "fairlead-child+jwt";

    /// <summary>Takes a bearer token apart; nothing is verified.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out SessionToken? token)
    {
        token = null;
        if (text.Length > MaxLength) return false;
        var parts = text.Split('~');
        if (parts.Length > MaxDepth + 2 || !LooksLikeJwt(parts[0])) return false;
        if (parts.Length == 1)
        {
            token = new SessionToken(text, [], null);
            return true;
        }

        if (!parts[1..^1].All(LooksLikeJwt) || !TryDecode(parts[^1], out var key) || key.Length != ScalarBytes) return false;
        token = new SessionToken(parts[0], parts[1..^1], key);
        return true;
    }

    /// <summary>Signs a session's token.</summary>
    /// <param name="claims">Its claims, <c>exp</c> among them; <c>iat</c>, <c>jti</c> and <c>cnf</c> are added.</param>
    /// <param name="signer">Whose signature.</param>
    /// <param name="now">When.</param>
    public static string Mint(JsonObject claims, ECDsaSecurityKey signer, DateTimeOffset now)
    {
        using var next = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return $"{Sign(claims, signer, next, "JWT", now)}~{Scalar(next)}";
    }

    /// <summary>Makes a narrower token of this one.</summary>
    /// <param name="rules">What it may, besides what this one may not: each <c>allow METHODS host[:port][/path]</c>.</param>
    /// <param name="expires">When it ends.</param>
    /// <param name="now">When it is made.</param>
    /// <param name="id">Its id.</param>
    /// <exception cref="InvalidDataException">This token cannot be narrowed.</exception>
    public string Narrow(IReadOnlyList<string> rules, DateTimeOffset expires, DateTimeOffset now, out string id)
    {
        if (Key is null) throw new InvalidDataException("the token is its issuer's alone (a JWT without a key), so nothing can be derived from it");
        if (Children.Count >= MaxDepth) throw new InvalidDataException($"the token was narrowed {MaxDepth} times, which is the most that a gateway accepts");
        using var own = Import(Key);
        using var next = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var claims = new JsonObject { ["exp"] = expires.ToUnixTimeSeconds(), ["rules"] = new JsonArray([.. rules.Select(r => JsonValue.Create(r))]) };
        var child = Sign(claims, new ECDsaSecurityKey(own), next, ChildType, now);
        id = (string)claims["jti"]!;
        return string.Join('~', [Root, .. Children, child, Scalar(next)]);
    }

    /// <summary>Checks what holders signed.</summary>
    /// <param name="claims">The claims of the root, whose signature holds.</param>
    /// <param name="children">What each child takes away.</param>
    /// <returns>Null, or what is wrong.</returns>
    public string? TryVerifyChildren(JsonElement claims, out IReadOnlyList<VerifiedToken.Child> children)
    {
        children = [];
        if (Key is null) return claims.TryGetProperty("cnf", out _) ? "the token lacks its key, as one would that was taken out of another token" : null;
        var at = claims;
        foreach (var child in Children)
        {
            using var parents = ConfirmationKey(at);
            if (parents is null) return NamesNoKey;
            if (!IsSignedBy(child, parents, out at)) return "a child token is not signed with the key of its parent";
            if (ReadChild(at) is not { } read) return "a child token lacks 'jti', 'exp' or 'rules'";
            children = [.. children, read];
        }

        using var named = ConfirmationKey(at);
        using var own = Import(Key);
        if (named is null) return NamesNoKey;
        var (theirs, ours) = (named.ExportParameters(false).Q, own.ExportParameters(false).Q);
        return CryptographicOperations.FixedTimeEquals(theirs.X, ours.X) & CryptographicOperations.FixedTimeEquals(theirs.Y, ours.Y) ? null : "the token's key is not the one that it names";
    }

    /// <summary>The claims of a JWT, unverified; null when it has none, or some that can be read in two ways.</summary>
    public static JsonElement? ClaimsOf(string jwt) => Object(jwt.Split('.')[1]);

    /// <summary>The header of a JWT, unverified; null as above.</summary>
    public static JsonElement? HeaderOf(string jwt) => Object(jwt.Split('.')[0]);

    private static string Sign(JsonObject claims, ECDsaSecurityKey signer, ECDsa next, string type, DateTimeOffset now)
    {
        var q = next.ExportParameters(includePrivateParameters: false).Q;
        claims["iat"] = now.ToUnixTimeSeconds();
        claims["jti"] ??= Guid.CreateVersion7(now).ToString("N");
        claims["cnf"] = new JsonObject
        {
            ["jwk"] = new JsonObject { ["kty"] = "EC", ["crv"] = "P-256", ["x"] = Base64UrlEncoder.Encode(q.X), ["y"] = Base64UrlEncoder.Encode(q.Y) },
        };
        return new JsonWebTokenHandler { SetDefaultTimesOnTokenCreation = false }.CreateToken(
            claims.ToJsonString(), new SigningCredentials(signer, SecurityAlgorithms.EcdsaSha256) { CryptoProviderFactory = Signing }, new Dictionary<string, object> { ["typ"] = type });
    }

    private static bool IsSignedBy(string jwt, ECDsa key, out JsonElement claims)
    {
        claims = default;
        var header = HeaderOf(jwt);
        if (header is null || Text(header.Value, "alg") != SecurityAlgorithms.EcdsaSha256 || Text(header.Value, "typ") != ChildType || header.Value.TryGetProperty("crit", out _)) return false;
        var end = jwt.LastIndexOf('.');
        if (!TryDecode(jwt[(end + 1)..], out var signature)) return false;
        // RFC 7518 §3.4: r and s side by side, which is how .NET writes them, too.
        if (!key.VerifyData(System.Text.Encoding.ASCII.GetBytes(jwt[..end]), signature, HashAlgorithmName.SHA256)) return false;
        if (ClaimsOf(jwt) is not { } read) return false;
        claims = read;
        return true;
    }

    private static VerifiedToken.Child? ReadChild(JsonElement claims)
    {
        if (Text(claims, "jti") is not { Length: > 0 } id || ReadTime(claims, "exp") is not { } expires) return null;
        if (!claims.TryGetProperty("rules", out var rules) || rules.ValueKind != JsonValueKind.Array || rules.EnumerateArray().Any(r => r.ValueKind != JsonValueKind.String)) return null;
        return new VerifiedToken.Child(id, expires, [.. rules.EnumerateArray().Select(r => r.GetString()!)]);
    }

    /// <summary>A time of RFC 7519 (NumericDate), or null.</summary>
    public static DateTimeOffset? ReadTime(JsonElement claims, string name) =>
        claims.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var seconds) && seconds is >= 0 and < 253_402_300_799
            ? DateTimeOffset.FromUnixTimeSeconds((long)seconds)
            : null;

    /// <summary>A claim that is a text, or null.</summary>
    public static string? Text(JsonElement claims, string name) => claims.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static ECDsa? ConfirmationKey(JsonElement claims)
    {
        if (!claims.TryGetProperty("cnf", out var cnf) || cnf.ValueKind != JsonValueKind.Object || !cnf.TryGetProperty("jwk", out var jwk) || jwk.ValueKind != JsonValueKind.Object) return null;
        if (Text(jwk, "kty") != "EC" || Text(jwk, "crv") != "P-256" || !TryDecode(Text(jwk, "x") ?? "", out var x) || !TryDecode(Text(jwk, "y") ?? "", out var y)) return null;
        try
        {
            return ECDsa.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP256, Q = new ECPoint { X = x, Y = y } });
        }
        catch (CryptographicException)
        {
            return null; // a point that is not on the curve
        }
    }

    private static ECDsa Import(byte[] scalar)
    {
        try
        {
            return ECDsa.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP256, D = scalar });
        }
        catch (CryptographicException e)
        {
            throw new InvalidDataException("the token's key is none of the curve P-256", e);
        }
    }

    private static string Scalar(ECDsa key) => Base64UrlEncoder.Encode(key.ExportParameters(includePrivateParameters: true).D);

    private static JsonElement? Object(string part)
    {
        if (!TryDecode(part, out var bytes)) return null;
        using var document = Policy.StrictJson.TryParse(bytes);
        return document?.RootElement is { ValueKind: JsonValueKind.Object } root && IsText(root) ? root.Clone() : null;
    }

    // Bytes that are no UTF-8, and halves of surrogate pairs, are found when a text is asked for: here, once, and not where it is used.
    private static bool IsText(JsonElement element)
    {
        try
        {
            return element.ValueKind switch
            {
                JsonValueKind.Object => element.EnumerateObject().All(m => m.Name is not null && IsText(m.Value)),
                JsonValueKind.Array => element.EnumerateArray().All(IsText),
                JsonValueKind.String => element.GetString() is not null,
                _ => true,
            };
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }

    private static bool LooksLikeJwt(string part) => part.Split('.') is [{ Length: > 0 }, { Length: > 0 }, { Length: > 0 }];

    private static bool TryDecode(string text, out byte[] bytes)
    {
        bytes = [];
        if (text.Length == 0 || !System.Buffers.Text.Base64Url.IsValid(text) || text.Contains('=', StringComparison.Ordinal)) return false;
        bytes = System.Buffers.Text.Base64Url.DecodeFromChars(text);
        return true;
    }
}
