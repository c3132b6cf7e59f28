using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Fairlead.Gateway.Identity;
using Microsoft.IdentityModel.Tokens;

namespace Fairlead.Tests.Gateway.Identity;

public sealed class SessionTokenTests
{
    private static readonly DateTimeOffset Now = new(2030, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly DateTimeOffset Later = Now.AddHours(1);
    private static readonly Signer Signer = new();

    [Fact]
    public async Task A_token_that_was_made_holds_and_says_what_was_put_in()
    {
        var (verified, problem) = await VerifyAsync(Signer.Mint(Signer.Claims(Later), Now));

        Assert.Null(problem);
        Assert.Equal(("orchestrator", "job-1", Later), (verified!.Issuer, verified.Subject, verified.Expires));
        Assert.Equal("agent", verified.Claims.GetProperty("role").GetString());
        Assert.Empty(verified.Children);
        Assert.Equal(32, verified.TokenId!.Length);
    }

    [Fact]
    public async Task A_child_is_made_of_a_token_and_of_a_child_without_asking_anybody()
    {
        var child = Parse(Signer.Mint(Signer.Claims(Later), Now)).Narrow(["allow GET api.test/**"], Now.AddMinutes(5), Now, out var id);
        var grandchild = Parse(child).Narrow(["allow GET api.test/public/**"], Now.AddMinutes(1), Now, out var grandId);

        var (verified, problem) = await VerifyAsync(grandchild);

        Assert.Null(problem);
        Assert.Equal([id, grandId], verified!.Children.Select(c => c.Id));
        Assert.Equal([Now.AddMinutes(5), Now.AddMinutes(1)], verified.Children.Select(c => c.Expires));
        Assert.Equal(["allow GET api.test/**", "allow GET api.test/public/**"], verified.Children.SelectMany(c => c.Rules));
    }

    [Fact]
    public async Task What_a_child_holds_does_not_make_its_parent()
    {
        var parent = Signer.Mint(Signer.Claims(Later), Now);
        var child = Parse(parent).Narrow(["allow GET api.test/**"], Later, Now, out _);
        var (root, made, key) = (child.Split('~')[0], child.Split('~')[1], child.Split('~')[2]);

        // The parts that it has, in every order that leaves the child out, or puts it elsewhere.
        foreach (var forged in (string[])[root, $"{root}~{key}", made, $"{made}~{key}", $"{root}~{made}~{made}~{key}", $"{made}~{root}~{key}", $"{root}~{made}"])
        {
            var (verified, problem) = SessionToken.TryParse(forged, out var token) ? await Signer.Trusted().VerifyAsync(token, Now, Limits.Token) : (null, "no token");
            Assert.True(verified is null, $"expected a refusal of {forged}");
            Assert.NotNull(problem);
        }

        Assert.DoesNotContain(parent.Split('~')[1], child, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_child_of_another_token_and_a_changed_child_are_refused()
    {
        var (one, two) = (Signer.Mint(Signer.Claims(Later), Now), Signer.Mint(Signer.Claims(Later, "job-2"), Now));
        var child = Parse(one).Narrow(["allow GET api.test/**"], Later, Now, out _).Split('~');
        var payload = JsonNode.Parse(Base64UrlEncoder.Decode(child[1].Split('.')[1]))!.AsObject();
        payload["rules"] = new JsonArray("allow * **");

        Assert.Contains("not signed with the key of its parent", (await VerifyAsync($"{two.Split('~')[0]}~{child[1]}~{child[2]}")).Problem, StringComparison.Ordinal);
        Assert.Contains("not signed with the key of its parent", (await VerifyAsync($"{child[0]}~{child[1].Split('.')[0]}.{Signer.Part(payload)}.{child[1].Split('.')[2]}~{child[2]}")).Problem, StringComparison.Ordinal);
        Assert.Contains("not the one that it names", (await VerifyAsync($"{child[0]}~{child[1]}~{one.Split('~')[1]}")).Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_child_is_no_other_jwt_that_its_parents_key_signed()
    {
        var parent = Signer.Mint(Signer.Claims(Later), Now).Split('~');
        using var key = ECDsa.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP256, D = Base64UrlEncoder.DecodeBytes(parent[1]) });
        string SignAs(JsonObject header, JsonObject claims)
        {
            var signed = $"{Signer.Part(header)}.{Signer.Part(claims)}";
            return $"{parent[0]}~{signed}.{Base64UrlEncoder.Encode(key.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256))}~{parent[1]}";
        }

        var q = key.ExportParameters(false).Q;
        JsonObject Claims() => new()
        {
            ["jti"] = "c1",
            ["exp"] = Later.ToUnixTimeSeconds(),
            ["rules"] = new JsonArray("allow GET api.test"),
            ["cnf"] = new JsonObject { ["jwk"] = new JsonObject { ["kty"] = "EC", ["crv"] = "P-256", ["x"] = Base64UrlEncoder.Encode(q.X), ["y"] = Base64UrlEncoder.Encode(q.Y) } },
        };
        var good = new JsonObject { ["alg"] = "ES256", ["typ"] = "fairlead-child+jwt" };

        Assert.Null((await VerifyAsync(SignAs(good, Claims()))).Problem);
        Assert.NotNull((await VerifyAsync(SignAs(new JsonObject { ["alg"] = "ES256", ["typ"] = "JWT" }, Claims()))).Problem);
        Assert.NotNull((await VerifyAsync(SignAs(new JsonObject { ["alg"] = "none", ["typ"] = "fairlead-child+jwt" }, Claims()))).Problem);
        Assert.NotNull((await VerifyAsync(SignAs(new JsonObject { ["alg"] = "ES256", ["typ"] = "fairlead-child+jwt", ["crit"] = new JsonArray("x") }, Claims()))).Problem);
        foreach (var missing in (string[])["jti", "exp", "rules", "cnf"])
        {
            var claims = Claims();
            claims.Remove(missing);
            Assert.NotNull((await VerifyAsync(SignAs(good, claims))).Problem);
        }
    }

    [Fact]
    public void A_token_is_narrowed_four_times_at_most_and_a_platforms_token_never()
    {
        var token = Signer.Mint(Signer.Claims(Later), Now);
        for (var i = 0; i < SessionToken.MaxDepth; i++) token = Parse(token).Narrow(["allow GET api.test"], Later, Now, out _);

        Assert.Contains("narrowed 4 times", Assert.Throws<InvalidDataException>(() => Parse(token).Narrow(["allow GET api.test"], Later, Now, out _)).Message, StringComparison.Ordinal);
        Assert.Contains("nothing can be derived", Assert.Throws<InvalidDataException>(() => Parse(Signer.Sign(Signer.Claims(Later))).Narrow(["allow GET api.test"], Later, Now, out _)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_platforms_jwt_holds_alone()
    {
        var (verified, problem) = await VerifyAsync(Signer.Sign(Signer.Claims(Later)));

        Assert.Null(problem);
        Assert.Equal("job-1", verified!.Subject);
    }

    public static TheoryData<string, string, string> BadClaims => new()
    {
        { "iss", "\"https://other.test\"", "its issuer ('iss') is not" },
        { "aud", "\"other\"", "its audience ('aud') is not" },
        { "aud", "[\"other\",\"another\"]", "its audience ('aud') is not" },
        { "exp", "null", "no time of expiry" },
        { "exp", "\"2030\"", "" },
        { "sub", "null", "no subject" },
        { "sub", "\"\"", "no subject" },
        { "sub", "5", "no subject" },
        { "nbf", "1893542400", "not valid yet" },
        { "iat", "1893542400", "comes from the future" },
        { "cnf", "{\"jwk\":{}}", "lacks its key" },
    };

    [Theory]
    [MemberData(nameof(BadClaims))]
    public async Task A_token_with_a_bad_claim_is_refused_and_why_is_told(string claim, string value, string why)
    {
        var claims = Signer.Claims(Later);
        if (value == "null") claims.Remove(claim);
        else claims[claim] = JsonNode.Parse(value);

        var (verified, problem) = await VerifyAsync(Signer.Sign(claims));

        Assert.Null(verified);
        Assert.Contains(why, problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Only_the_pinned_signature_of_the_known_key_holds()
    {
        var claims = Signer.Claims(Later);
        var good = Signer.Sign(claims);
        // The classics: no signature; the public key as a shared secret; another's key; a key in the header; a changed payload.
        var unsigned = $"{Signer.Part(new JsonObject { ["alg"] = "none" })}.{Signer.Part(claims)}.";
        var head = $"{Signer.Part(new JsonObject { ["alg"] = "HS256", ["kid"] = "k1" })}.{Signer.Part(claims)}";
        var shared = $"{head}.{Base64UrlEncoder.Encode(HMACSHA256.HashData(Signer.Key.ExportSubjectPublicKeyInfo(), Encoding.ASCII.GetBytes(head)))}";
        var other = new Signer();
        var q = other.Key.ExportParameters(false).Q;
        var ownKey = new JsonObject { ["alg"] = "ES256", ["jwk"] = new JsonObject { ["kty"] = "EC", ["crv"] = "P-256", ["x"] = Base64UrlEncoder.Encode(q.X), ["y"] = Base64UrlEncoder.Encode(q.Y) } };
        var changed = $"{good.Split('.')[0]}.{Signer.Part(Signer.Claims(Later, "root"))}.{good.Split('.')[2]}";

        foreach (var forged in (string[])[unsigned + "x", shared, other.Sign(claims), other.Sign(claims, ownKey), changed, good[..^4], good + "AAAA", Signer.Sign(claims, new JsonObject { ["alg"] = "ES256", ["kid"] = "k2" })])
        {
            var (verified, problem) = await VerifyAsync(forged);
            Assert.True(verified is null, $"expected a refusal of {forged}");
            Assert.NotNull(problem);
        }

        Assert.Contains("crit", (await VerifyAsync(Signer.Sign(claims, new JsonObject { ["alg"] = "ES256", ["kid"] = "k1", ["crit"] = new JsonArray("b64"), ["b64"] = false }))).Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_claim_that_stands_twice_makes_the_token_unreadable()
    {
        var body = Base64UrlEncoder.Encode($$"""{"iss":"{{Signer.Issuer}}","aud":"fairlead","sub":"a","role":"agent","role":"admin","exp":{{Later.ToUnixTimeSeconds()}}}""");
        var signed = $"{Signer.Part(new JsonObject { ["alg"] = "ES256", ["kid"] = "k1" })}.{body}";

        var (verified, problem) = await VerifyAsync($"{signed}.{Base64UrlEncoder.Encode(Signer.Key.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256))}");

        Assert.Null(verified);
        Assert.Contains("one way", problem, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\\ud800")]
    [InlineData("\u00e4")]
    public async Task A_claim_that_is_no_text_makes_the_token_unreadable(string odd)
    {
        // Latin-1: the second is a byte that no UTF-8 begins with.
        var body = Base64UrlEncoder.Encode(Encoding.Latin1.GetBytes($$"""{"iss":"{{Signer.Issuer}}","aud":"fairlead","sub":"a","role":"{{odd}}","exp":{{Later.ToUnixTimeSeconds()}}}"""));
        var signed = $"{Signer.Part(new JsonObject { ["alg"] = "ES256", ["kid"] = "k1" })}.{body}";

        var (_, problem) = await VerifyAsync($"{signed}.{Base64UrlEncoder.Encode(Signer.Key.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256))}");

        Assert.Contains("one way", problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Whatever_is_sent_as_a_token_is_refused_and_breaks_nothing()
    {
        var good = Signer.Mint(Signer.Claims(Later), Now);
        var child = Parse(good).Narrow(["allow GET api.test"], Later, Now, out _);
        const string alphabet = "ABCabc019-_.~= {}\"\0\u00e9";
        Seeded.Check(4000, random =>
        {
            var text = new StringBuilder(random.Next(2) == 0 ? good : child);
            for (var edits = 1 + random.Next(4); edits > 0 && text.Length > 0; edits--)
            {
                var at = random.Next(text.Length);
                if (random.Next(3) == 0) text.Remove(at, Math.Min(1 + random.Next(40), text.Length - at));
                else text[at] = alphabet[random.Next(alphabet.Length)];
            }

            var mutant = text.ToString();
            if (mutant == good || mutant == child || !SessionToken.TryParse(mutant, out var token)) return;
            var verifying = Signer.Trusted().VerifyAsync(token, Now, CancellationToken.None).AsTask();
            Assert.True(verifying.IsCompleted);
            // Base64url has spare bits in its last character, so a few spellings mean the same token.
            if (verifying.Result.Verified is { } verified) Assert.Equal("job-1", verified.Subject);
        });
    }

    private static SessionToken Parse(string text) => SessionToken.TryParse(text, out var token) ? token : throw new InvalidOperationException(text);

    private static async Task<(VerifiedToken? Verified, string? Problem)> VerifyAsync(string text) => await Signer.Trusted().VerifyAsync(Parse(text), Now, Limits.Token);
}
