using Fairlead.Gateway.Credentials;

namespace Fairlead.Tests.Gateway.Credentials;

public sealed class GoogleServiceAccountTests : IAsyncLifetime
{
    private TokenPeer _peer = null!;

    public async ValueTask InitializeAsync() => _peer = await TokenPeer.StartAsync();

    public ValueTask DisposeAsync() => _peer.DisposeAsync();

    [Fact]
    public async Task An_assertion_becomes_an_access_token()
    {
        _peer.Answers.Add((200, "{\"access_token\":\"FAKE-google\",\"expires_in\":3599,\"token_type\":\"Bearer\"}"));

        var kept = await Account(subject: "user@example.com").FetchAsync(Limits.Token);

        Assert.Equal(("FAKE-google", 3539), (kept.Value.Reveal(), (int)(kept.FreshUntil - _peer.Time.GetUtcNow()).TotalSeconds));
        var asked = Assert.Single(_peer.Origin.Requests);
        Assert.StartsWith("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=", asked.Body, StringComparison.Ordinal);
        var (header, claims) = TokenPeer.Verified(asked.Body[(asked.Body.LastIndexOf('=') + 1)..]);
        var now = _peer.Time.GetUtcNow().ToUnixTimeSeconds();
        Assert.Equal(("RS256", "key-1"), (header.GetProperty("alg").GetString(), header.GetProperty("kid").GetString()));
        Assert.Equal(("robot@p.example.com", "user@example.com", "a b"), (claims.GetProperty("iss").GetString(), claims.GetProperty("sub").GetString(), claims.GetProperty("scope").GetString()));
        Assert.Equal((_peer.Url("/token").AbsoluteUri, now, now + 3600), (claims.GetProperty("aud").GetString(), claims.GetProperty("iat").GetInt64(), claims.GetProperty("exp").GetInt64()));
    }

    [Fact]
    public async Task An_ID_token_is_for_its_audience()
    {
        _peer.Answers.Add((200, "{\"id_token\":\"FAKE.id.token\"}"));

        var kept = await Account(audience: "https://service.example.com").FetchAsync(Limits.Token);

        Assert.Equal(("FAKE.id.token", 59), (kept.Value.Reveal(), (int)(kept.FreshUntil - _peer.Time.GetUtcNow()).TotalMinutes));
        var body = Assert.Single(_peer.Origin.Requests).Body;
        var claims = TokenPeer.Verified(body[(body.LastIndexOf('=') + 1)..]).Claims;
        Assert.Equal("https://service.example.com", claims.GetProperty("target_audience").GetString());
        Assert.False(claims.TryGetProperty("scope", out _));
    }

    [Fact]
    public async Task What_is_no_token_is_told_without_any_value()
    {
        _peer.Answers.Add((400, "{\"error\":\"invalid_grant\",\"error_description\":\"FAKE\"}"));

        Assert.Equal($"{_peer.Url("/token")} answered 400 (invalid_grant)", await TokenPeer.ProblemOfAsync(() => Account().FetchAsync(Limits.Token)));
    }

    [Theory]
    [InlineData("-----BEGIN PRIVATE KEY-----\nFAKE\n-----END PRIVATE KEY-----")]
    [InlineData("FAKE")]
    [InlineData("PUBLIC")]
    [InlineData("EC")]
    public void A_key_that_cannot_sign_is_refused_without_a_word_of_it(string pem)
    {
        using var rsa = System.Security.Cryptography.RSA.Create(2048);
        using var ec = System.Security.Cryptography.ECDsa.Create();
        if (pem == "PUBLIC") pem = rsa.ExportSubjectPublicKeyInfoPem();
        if (pem == "EC") pem = ec.ExportPkcs8PrivateKeyPem();

        Assert.False(JwtSigner.TryRead(pem, null, out _, out var problem));

        Assert.Equal("expected an RSA private key in PEM, not encrypted", problem);
    }

    [Fact]
    public void A_short_key_is_refused()
    {
        using var rsa = System.Security.Cryptography.RSA.Create(1024);

        Assert.False(JwtSigner.TryRead(rsa.ExportPkcs8PrivateKeyPem(), null, out _, out var problem));

        Assert.Equal("expected an RSA key of 2048 bits or more, got 1024", problem);
    }

    private GoogleServiceAccount Account(string? subject = null, string? audience = null) =>
        new(new("robot@p.example.com", TokenPeer.Signer("key-1"), _peer.Url("/token"), audience is null ? ["a", "b"] : [], subject, audience), _peer.Service, _peer.Time);
}
