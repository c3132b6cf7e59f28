using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Fairlead.Gateway.Identity;

/// <summary>Who may sign tokens of sessions: this gateway's own key, an orchestrator's, or a platform's that vouches for its workloads by OpenID Connect.</summary>
/// <param name="Name">Its name in the configuration.</param>
/// <param name="Issuer">The <c>iss</c> of its tokens.</param>
/// <param name="Audience">The <c>aud</c> that they must name.</param>
/// <param name="Algorithms">The signatures that are accepted; never one with a shared secret, and never none.</param>
/// <param name="Keys">Its public keys.</param>
/// <param name="KeyFile">The gateway's own private key, for the issuer whose tokens it signs; else null.</param>
internal sealed record TokenIssuer(string Name, string Issuer, string Audience, IReadOnlyList<string> Algorithms, KeySource Keys, string? KeyFile)
{
    /// <summary>The algorithms that a configuration may name (RFC 7518 §3.1).</summary>
    public static readonly string[] KnownAlgorithms = ["ES256", "ES384", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];

    // Clocks of two machines differ by this at most: a token may come from the future so far, and never from the past.
    private static readonly TimeSpan Skew = TimeSpan.FromSeconds(60);

    /// <summary>True when tokens of both are the same tokens.</summary>
    public bool IsLike(TokenIssuer other) =>
        Name == other.Name && Issuer == other.Issuer && Audience == other.Audience && Keys.Identity == other.Keys.Identity && Algorithms.SequenceEqual(other.Algorithms);

    /// <summary>Verifies signatures, issuer, audience and times.</summary>
    /// <param name="token">What the caller brought; its <c>iss</c> is this issuer's.</param>
    /// <param name="now">The time.</param>
    /// <param name="cancellationToken">Gives up on keys that must be fetched.</param>
    /// <returns>What it says; or why it is refused, which may be told to the caller: it says nothing that the caller has not.</returns>
    public async ValueTask<(VerifiedToken? Verified, string? Problem)> VerifyAsync(SessionToken token, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (SessionToken.HeaderOf(token.Root) is not { } header || SessionToken.ClaimsOf(token.Root) is not { } claims) return Refuse("it is not a JWT that can be read in one way");
        // RFC 7515 §4.1.11: what is critical and not understood makes it invalid.
        if (header.TryGetProperty("crit", out _)) return Refuse("its header has 'crit', which nothing here understands");
        var keyId = SessionToken.Text(header, "kid");
        var keys = await Keys.FindAsync(keyId, cancellationToken);
        // What is wrong with the fetch is for the operator: readiness has it.
        if (keys.Count == 0) return Refuse(Keys.Problem is not null ? $"the keys of '{Name}' cannot be had" : $"it is signed with a key that '{Name}' does not have");
        var result = await new JsonWebTokenHandler { MapInboundClaims = false }.ValidateTokenAsync(token.Root, new TokenValidationParameters
        {
            ValidIssuer = Issuer,
            ValidAudience = Audience,
            ValidAlgorithms = Algorithms,
            IssuerSigningKeys = keys,
            TryAllIssuerSigningKeys = true,
            RequireSignedTokens = true,
            RequireExpirationTime = true,
            LifetimeValidator = (from, until, _, _) => until is not null && (from is null || new DateTimeOffset(from.Value, TimeSpan.Zero) <= now + Skew),
        });
        if (!result.IsValid) return Refuse(Explain(result.Exception));
        if (SessionToken.ReadTime(claims, "exp") is not { } expires) return Refuse("it has no time of expiry ('exp')");
        if (SessionToken.ReadTime(claims, "iat") is { } issued && issued > now + Skew) return Refuse("it comes from the future ('iat'): compare the clocks");
        if (SessionToken.Text(claims, "sub") is not { Length: > 0 } subject) return Refuse("it has no subject ('sub')");
        string? problem;
        IReadOnlyList<VerifiedToken.Child> children;
        try
        {
            problem = token.TryVerifyChildren(claims, out children);
        }
        catch (InvalidDataException e)
        {
            return Refuse(e.Message);
        }

        if (problem is not null) return Refuse(problem);
        var signedWith = (result.SecurityToken as JsonWebToken)?.SigningKey?.KeyId ?? keys[0].KeyId;
        return (new VerifiedToken(Name, signedWith, claims, subject, SessionToken.Text(claims, "jti"), expires, children), null);
    }

    private static (VerifiedToken? Verified, string? Problem) Refuse(string why) => (null, why);

    private string Explain(Exception? e) => e switch
    {
        SecurityTokenInvalidAudienceException => $"its audience ('aud') is not '{Audience}'",
        SecurityTokenInvalidIssuerException => $"its issuer ('iss') is not '{Issuer}'",
        SecurityTokenInvalidAlgorithmException => $"it is not signed by {string.Join(" or ", Algorithms)}",
        SecurityTokenInvalidLifetimeException => "it is not valid yet ('nbf'), or has no time of expiry ('exp'): compare the clocks",
        SecurityTokenSignatureKeyNotFoundException => $"it is signed with a key that '{Name}' does not have",
        _ => "its signature does not hold",
    };
}
