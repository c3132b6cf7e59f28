using Fairlead.Gateway.Credentials;
using Fairlead.Wire;

namespace Fairlead.Tests.Gateway.Credentials;

public sealed class GitHubAppTests : IAsyncLifetime
{
    private const string All = "{\"repositories\":[\"app\",\"lib\"],\"permissions\":{\"contents\":\"write\",\"issues\":\"write\"}}";

    private TokenPeer _peer = null!;

    public async ValueTask InitializeAsync() => _peer = await TokenPeer.StartAsync();

    public ValueTask DisposeAsync() => _peer.DisposeAsync();

    [Fact]
    public async Task The_app_signs_who_it_is_and_asks_for_no_more_than_it_was_told()
    {
        _peer.Answers.Add((201, "{\"token\":\"ghs_FAKE\",\"expires_at\":\"2030-01-01T01:00:00Z\"}"));

        var kept = await App().FetchAsync(All, Limits.Token);

        Assert.Equal(("ghs_FAKE", 59, 60), (kept.Value.Reveal(), (int)(kept.FreshUntil - _peer.Time.GetUtcNow()).TotalMinutes, (int)(kept.UsableUntil - _peer.Time.GetUtcNow()).TotalMinutes));
        var asked = Assert.Single(_peer.Origin.Requests);
        Assert.Equal(("POST", "/api/v3/app/installations/42/access_tokens", All), (asked.Method, asked.Target, asked.Body));
        var (header, claims) = TokenPeer.Verified(asked.Headers["Authorization"]["Bearer ".Length..]);
        Assert.Equal("RS256", header.GetProperty("alg").GetString());
        var now = _peer.Time.GetUtcNow().ToUnixTimeSeconds();
        Assert.Equal(("77", now - 60, now + 540), (claims.GetProperty("iss").GetString(), claims.GetProperty("iat").GetInt64(), claims.GetProperty("exp").GetInt64()));
    }

    [Theory]
    [InlineData(401, "{\"message\":\"FAKE jwt\"}", "answered 401: the key is not this app's, or the clock of this machine is wrong")]
    [InlineData(404, "{}", "answered 404: the app has no such installation")]
    [InlineData(422, "{}", "answered 422: the installation does not have such a repository or permission")]
    [InlineData(200, "{}", "answered 200")]
    [InlineData(201, "<html>", "gave a 'token' that cannot be used: it is empty")]
    [InlineData(201, "{\"token\":\"FAKE\\r\\nX: 1\"}", "gave a 'token' that cannot be used: character 5 of 10 is not visible ASCII")]
    [InlineData(201, "{\"token\":\"FAKE\"}", "gave no 'expires_at'")]
    public async Task What_is_no_token_is_told_without_any_value(int status, string answer, string problem)
    {
        _peer.Answers.Add((status, answer));

        Assert.Equal($"https://localhost:{_peer.Origin.EndPoint.Port}/api/v3/app/installations/42/access_tokens {problem}", await TokenPeer.ProblemOfAsync(() => App().FetchAsync("{}", Limits.Token)));
    }

    [Theory]
    // Git: a fetch reads, a push writes, and of its own repository only.
    [InlineData("GET", "github.com", "/acme/app.git/info/refs?service=git-upload-pack", "app", "contents:read")]
    [InlineData("POST", "github.com", "/acme/app.git/git-upload-pack", "app", "contents:read")]
    [InlineData("GET", "github.com", "/Acme/App/info/refs?service=git-receive-pack", "app", "contents:write")]
    [InlineData("GET", "github.com", "/acme/app/info/refs?a=b&service=git%2Dreceive-pack", "app", "contents:write")]
    [InlineData("POST", "github.com", "/acme/app.git/git-receive-pack", "app", "contents:write")]
    [InlineData("POST", "github.com", "/acme/app.git/info/lfs/objects/batch", "app", "contents:write")]
    [InlineData("GET", "github.com", "/acme/app.git/info/lfs/locks", "app", "contents:read")]
    // The API: what only reads gets what only reads.
    [InlineData("GET", "api.github.com", "/repos/acme/lib/issues", "lib", "contents:read issues:read")]
    [InlineData("HEAD", "api.github.com", "/repos/acme/lib", "lib", "contents:read issues:read")]
    [InlineData("POST", "api.github.com", "/repos/acme/lib/issues", "lib", "contents:write issues:write")]
    [InlineData("POST", "uploads.github.com", "/repos/acme/lib/releases/1/assets?name=x", "lib", "contents:write issues:write")]
    [InlineData("POST", "api.github.com", "/graphql", "app lib", "contents:write issues:write")]
    [InlineData("GET", "api.github.com", "/installation/repositories", "app lib", "contents:read issues:read")]
    // Of others the public part.
    [InlineData("GET", "github.com", "/other/app/info/refs?service=git-upload-pack", "app lib", "metadata:read")]
    [InlineData("POST", "api.github.com", "/repos/acme/secret/issues", "app lib", "metadata:read")]
    [InlineData("POST", "api.github.com", "/repos/acme%2Fapp/x/issues", "app lib", "metadata:read")]
    [InlineData("GET", "github.com", "/", "app lib", "contents:read issues:read")]
    public void A_request_gets_a_token_of_what_it_needs(string method, string host, string target, string repositories, string permissions) =>
        Assert.Equal(
            $"{{\"repositories\":[{string.Join(',', repositories.Split(' ').Select(r => $"\"{r}\""))}],\"permissions\":{{{string.Join(',', permissions.Split(' ').Select(p => $"\"{p.Split(':')[0]}\":\"{p.Split(':')[1]}\""))}}}}}",
            Scope().For(Line(method, host, target)));

    [Fact]
    public void More_than_was_configured_is_never_asked_for()
    {
        var push = Line("POST", "github.com", "/acme/app/git-receive-pack");
        var reader = new GitHubScope(new Uri("https://api.github.com"), ["acme/app"], new Dictionary<string, string> { ["contents"] = "read" }, isDerived: true);
        var issues = new GitHubScope(new Uri("https://api.github.com"), ["acme/app"], new Dictionary<string, string> { ["issues"] = "write" }, isDerived: true);
        var whole = new GitHubScope(new Uri("https://api.github.com"), [], null, isDerived: true);
        var constant = new GitHubScope(new Uri("https://api.github.com"), ["acme/app"], null, isDerived: false);

        Assert.Equal("{\"repositories\":[\"app\"],\"permissions\":{\"contents\":\"read\"}}", reader.For(push));
        Assert.Equal("{\"repositories\":[\"app\"],\"permissions\":{\"metadata\":\"read\"}}", issues.For(push));
        Assert.Equal(("{\"permissions\":{\"contents\":\"write\"}}", "{}"), (whole.For(push), whole.For(Line("GET", "api.github.com", "/user"))));
        Assert.Equal("{\"repositories\":[\"app\"]}", constant.For(push));
    }

    [Fact]
    public void A_server_of_ones_own_has_both_on_one_host()
    {
        var scope = new GitHubScope(new Uri("https://git.corp.test/api/v3"), ["acme/app"], null, isDerived: true);

        Assert.False(scope.IsGit(Line("GET", "git.corp.test", "/api/v3/repos/acme/app/info/refs")));
        Assert.True(scope.IsGit(Line("GET", "git.corp.test", "/acme/app/info/refs?service=git-upload-pack")));
        Assert.Equal("{\"repositories\":[\"app\"]}", scope.For(Line("GET", "git.corp.test", "/api/v3/repos/acme/app")));
    }

    [Fact]
    public void No_target_breaks_it() => Seeded.Check(2000, random =>
    {
        var target = "/" + string.Concat(Enumerable.Range(0, random.Next(12)).Select(_ => random.Pick("/", "acme", "app", ".git", "repos", "info/refs", "?", "service=", "git-receive-pack", "&", "%2F", "%", "=", "..", ";", "info/lfs")));
        Assert.StartsWith("{\"repositories\":[\"", Scope().For(Line(random.Pick("GET", "POST", "X"), random.Pick("github.com", "api.github.com"), target)), StringComparison.Ordinal);
        _ = OciScope.Of(Line("GET", "r.test", target));
    });

    internal static RequestLine Line(string method, string host, string target) => HostPort.TryCreate(host, 443, out var destination, out var problem) ? new(method, destination, target) : throw new ArgumentException(problem, nameof(host));

    private static GitHubScope Scope() => new(new Uri("https://api.github.com"), ["acme/app", "acme/lib"], new Dictionary<string, string> { ["issues"] = "write", ["contents"] = "write" }, isDerived: true);

    private GitHubApp App() => new(new(_peer.Url("/api/v3/"), "77", 42, TokenPeer.Signer()), _peer.Service, _peer.Time);
}
