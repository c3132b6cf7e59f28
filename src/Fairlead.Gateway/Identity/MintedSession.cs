using System.Text.Json.Nodes;

namespace Fairlead.Gateway.Identity;

/// <summary>A session that was made for a container, and what an orchestrator gives it.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Token">What the token file holds.</param>
/// <param name="Expires">When it ends.</param>
internal sealed record MintedSession(string Id, string Token, DateTimeOffset Expires)
{
    /// <summary>Where the container expects its token; the orchestrator puts it there, mode 0600.</summary>
    public const string TokenFile = "/run/ccr/session_token";

    /// <summary>Claims that the gateway itself sets.</summary>
    public static readonly string[] OwnClaims = ["iss", "aud", "sub", "exp", "iat", "nbf", "jti", "cnf"];

    /// <summary>Signs a session's token with the gateway's own key.</summary>
    /// <param name="issuer">The gateway's own issuer.</param>
    /// <param name="entry">The id of its entry.</param>
    /// <param name="claims">The claims by which the entry knows it, and others.</param>
    /// <param name="subject">What is behind the slash of its id.</param>
    /// <param name="lifetime">How long it lasts.</param>
    /// <param name="now">When it begins.</param>
    /// <exception cref="InvalidDataException">The issuer's key cannot be used.</exception>
    public static MintedSession Create(TokenIssuer issuer, string entry, IEnumerable<KeyValuePair<string, string>> claims, string subject, TimeSpan lifetime, DateTimeOffset now)
    {
        using var key = SigningKey.Open(issuer.KeyFile!);
        var expires = now + lifetime;
        var payload = new JsonObject { ["iss"] = issuer.Issuer, ["aud"] = issuer.Audience, ["sub"] = subject, ["exp"] = expires.ToUnixTimeSeconds() };
        foreach (var (name, value) in claims) payload[name] = value;
        return new MintedSession($"{entry}/{subject}", SessionToken.Mint(payload, key.Private, now), DateTimeOffset.FromUnixTimeSeconds(expires.ToUnixTimeSeconds()));
    }

    /// <summary>The environment of the container, with the gates that let the relay begin: that there is a proxy is decided here, and the container obeys.</summary>
    /// <param name="gateway">Where the container reaches the gateway.</param>
    public IReadOnlyList<(string Name, string Value)> EnvironmentFor(string gateway) =>
    [
        ("FAIRLEAD_GATEWAY", gateway),
        ("FAIRLEAD_SESSION_ID", Id),
        ("FAIRLEAD_TOKEN_FILE", TokenFile),
        ("CLAUDE_CODE_REMOTE", "1"),
        ("CCR_UPSTREAM_PROXY_ENABLED", "1"),
        ("CLAUDE_CODE_REMOTE_SESSION_ID", Id),
    ];

    /// <summary>The same for programs.</summary>
    /// <param name="gateway">Where the container reaches the gateway.</param>
    public JsonObject ToJson(string gateway)
    {
        var environment = new JsonObject();
        foreach (var (name, value) in EnvironmentFor(gateway)) environment[name] = value;
        return new JsonObject { ["session"] = Id, ["expires"] = Expires.ToString("u", System.Globalization.CultureInfo.InvariantCulture).Replace(' ', 'T'), ["token"] = Token, ["environment"] = environment };
    }
}
