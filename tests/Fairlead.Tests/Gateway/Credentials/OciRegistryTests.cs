using Fairlead.Gateway.Credentials;
using Fairlead.Wire;

namespace Fairlead.Tests.Gateway.Credentials;

public sealed class OciRegistryTests : IAsyncLifetime
{
    private TokenPeer _peer = null!;

    public async ValueTask InitializeAsync() => _peer = await TokenPeer.StartAsync();

    public ValueTask DisposeAsync() => _peer.DisposeAsync();

    [Theory]
    [InlineData("GET", "/v2/", "")]
    [InlineData("GET", "/v2/_catalog?n=10", "registry:catalog:*")]
    [InlineData("GET", "/v2/acme/app/manifests/latest", "repository:acme/app:pull")]
    [InlineData("HEAD", "/v2/app/blobs/sha256:00", "repository:app:pull")]
    [InlineData("GET", "/v2/a/b/c/tags/list?n=1", "repository:a/b/c:pull")]
    [InlineData("GET", "/v2/app/referrers/sha256:00", "repository:app:pull")]
    [InlineData("PUT", "/v2/acme/app/manifests/latest", "repository:acme/app:pull,push")]
    [InlineData("POST", "/v2/acme/app/blobs/uploads/", "repository:acme/app:pull,push")]
    [InlineData("PATCH", "/v2/acme/app/blobs/uploads/some-id?_state=x", "repository:acme/app:pull,push")]
    [InlineData("GET", "/v2/acme/app/blobs/uploads/some-id", "repository:acme/app:pull,push")]
    [InlineData("POST", "/v2/acme/app/blobs/uploads/?mount=sha256:00&from=base%2Fimage", "repository:acme/app:pull,push repository:base/image:pull")]
    [InlineData("POST", "/v2/acme/app/blobs/uploads/?from=base/image", "repository:acme/app:pull,push")]
    [InlineData("POST", "/v2/acme/app/blobs/uploads/?mount=x&from=base:push%20repository:other", "repository:acme/app:pull,push")]
    [InlineData("DELETE", "/v2/acme/app/manifests/latest", "repository:acme/app:delete")]
    [InlineData("DELETE", "/v2/acme/app/blobs/uploads/some-id", "repository:acme/app:pull,push,delete")]
    [InlineData("GET", "/v2/blobs/manifests/latest", "repository:blobs:pull")]
    [InlineData("GET", "/v2/acme/manifests/blobs/manifests/latest", "repository:acme/manifests/blobs:pull")]
    [InlineData("GET", "/v2/acme%2Fapp/manifests/latest", "")]
    [InlineData("GET", "/v2/acme/../app/manifests/latest", "")]
    [InlineData("GET", "/v2//app/manifests/latest", "")]
    [InlineData("GET", "/v2/App/manifests/latest", "")]
    [InlineData("GET", "/v2/app:pull,push/manifests/latest", "")]
    [InlineData("GET", "/v1/app/manifests/latest", "")]
    [InlineData("GET", "/v2/app/manifests/latest\n", "")]
    [InlineData("GET", "/v2/\napp/manifests/latest", "")]
    public void A_request_gets_a_token_of_what_it_needs(string method, string target, string scopes) => Assert.Equal(scopes, OciScope.Of(GitHubAppTests.Line(method, "r.test", target)).Scopes);

    [Fact]
    public async Task The_password_goes_to_the_realm_and_a_token_comes_back()
    {
        _peer.Answers.Add((200, "{\"token\":\"FAKE-oci\",\"access_token\":\"FAKE-other\",\"expires_in\":300}"));
        var registry = Registry(new OciRealm(_peer.Url("/token?a=b"), "registry.test"), []);

        var kept = await registry.FetchAsync(Scope("repository:acme/app:pull repository:base:pull"), Limits.Token);

        Assert.Equal(("FAKE-oci", 240), (kept.Value.Reveal(), (int)(kept.FreshUntil - _peer.Time.GetUtcNow()).TotalSeconds));
        var asked = Assert.Single(_peer.Origin.Requests);
        Assert.Equal("/token?a=b&service=registry.test&scope=repository%3Aacme%2Fapp%3Apull&scope=repository%3Abase%3Apull", asked.Target);
        Assert.Equal("Basic " + Convert.ToBase64String("robot:FAKE-password"u8), asked.Headers["Authorization"]);
    }

    [Fact]
    public async Task A_token_that_does_not_say_how_long_it_lives_lives_a_minute()
    {
        _peer.Answers.Add((200, "{\"access_token\":\"FAKE-oci\"}"));

        var kept = await Registry(new OciRealm(_peer.Url("/token"), null), []).FetchAsync(Scope(""), Limits.Token);

        Assert.Equal(("FAKE-oci", 48), (kept.Value.Reveal(), (int)(kept.FreshUntil - _peer.Time.GetUtcNow()).TotalSeconds));
        Assert.Equal("/token", Assert.Single(_peer.Origin.Requests).Target);
    }

    [Fact]
    public async Task A_realm_is_learned_from_the_registry_once()
    {
        _peer.Answers.Add((401, $"Bearer realm=\"{_peer.Url("/token")}\",service=\"registry.test\",error=\"x\""));
        _peer.Answers.Add((200, "{\"token\":\"FAKE-oci\"}"));
        var registry = Registry(null, ["localhost:" + _peer.Origin.EndPoint.Port]);

        await registry.FetchAsync(Scope(""), Limits.Token);
        await registry.FetchAsync(Scope("registry:catalog:*"), Limits.Token);

        Assert.Equal(["/v2/", "/token?service=registry.test", "/token?service=registry.test&scope=registry%3Acatalog%3A%2A"], _peer.Origin.Requests.Select(r => r.Target));
        Assert.False(_peer.Origin.Requests.First().Headers.ContainsKey("Authorization"));
    }

    [Theory]
    [InlineData("Bearer realm=\"https://evil.test/token\",service=\"r\"", "gave the realm evil.test, which is none of 'realm_hosts': nothing was sent there")]
    [InlineData("Bearer realm=\"http://localhost:1/token\"", "gave a challenge without a 'realm' that is an https URL")]
    [InlineData("Bearer realm=\"https://u:p@localhost:1/token\"", "gave a challenge without a 'realm' that is an https URL")]
    [InlineData("Bearer realm=\"/token\"", "gave a challenge without a 'realm' that is an https URL")]
    [InlineData("Bearer service=\"r\"", "gave a challenge without a 'realm' that is an https URL")]
    [InlineData("Basic", "gave no challenge for a bearer token; a registry with Basic is for 'use: basic'")]
    public async Task A_registry_cannot_lead_the_password_elsewhere(string challenge, string problem)
    {
        _peer.Answers.Add((401, challenge));
        var registry = Registry(null, ["localhost:1"]);

        Assert.Equal($"https://localhost:{_peer.Origin.EndPoint.Port}/v2/ {problem}", await TokenPeer.ProblemOfAsync(() => registry.FetchAsync(Scope(""), Limits.Token)));

        Assert.Equal(["/v2/"], _peer.Origin.Requests.Select(r => r.Target));
    }

    private OciScope Scope(string scopes) => HostPort.TryParse($"localhost:{_peer.Origin.EndPoint.Port}", 443, out var host, out var problem) ? new(host, scopes) : throw new InvalidOperationException(problem);

    private OciRegistry Registry(OciRealm? realm, string[] realmHosts) => new(new("robot", Given.Secret("p", "FAKE-password"), realm, [.. realmHosts.Select(Edge.HostOf)]), _peer.Service, _peer.Time);
}
