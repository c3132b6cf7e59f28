using Fairlead.Gateway.Credentials;

namespace Fairlead.Tests.Gateway.Credentials;

public sealed class ScopedTokensTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly List<string> _fetched = [];
    private readonly List<string?> _told = [];
    private readonly HashSet<string> _refused = [];

    [Fact]
    public async Task Each_scope_has_its_token_until_that_expires()
    {
        var tokens = Tokens();

        Assert.Equal(["FAKE/a", "FAKE/b", "FAKE/a"], [await ValueAsync(tokens, "/a"), await ValueAsync(tokens, "/b"), await ValueAsync(tokens, "/a")]);
        _time.Advance(TimeSpan.FromHours(1));
        await ValueAsync(tokens, "/b");

        Assert.Equal(["/a", "/b", "/b"], _fetched);
    }

    [Fact]
    public async Task Only_so_many_are_kept_and_the_longest_unused_goes_first()
    {
        var tokens = Tokens();
        for (var i = 0; i < ScopedTokens<string>.Most; i++) await ValueAsync(tokens, $"/{i}");
        await ValueAsync(tokens, "/0");

        await ValueAsync(tokens, "/one-more");
        _fetched.Clear();
        foreach (var path in (string[])["/0", "/2", "/1"]) await ValueAsync(tokens, path);

        Assert.Equal(["/1"], _fetched);
    }

    [Fact]
    public async Task A_thousand_refused_scopes_are_one_line_in_the_log()
    {
        var tokens = Tokens();
        _refused.UnionWith(Enumerable.Range(0, 100).Select(i => $"/{i}"));
        foreach (var path in _refused) await Assert.ThrowsAsync<CredentialException>(() => ValueAsync(tokens, path));
        await ValueAsync(tokens, "/good");
        Assert.Equal(["no"], _told);

        _refused.Clear();
        _time.Advance(TimeSpan.FromSeconds(5));
        await ValueAsync(tokens, "/0");

        Assert.Equal(["no", null], _told);
    }

    private static async Task<string> ValueAsync(ScopedTokens<string> tokens, string path) => (await tokens.For(GitHubAppTests.Line("GET", "api.test", path)).GetAsync(Limits.Token)).Reveal();

    private ScopedTokens<string> Tokens() => new("t", line => line.Path, FetchAsync, _time) { Changed = _told.Add };

    private Task<FetchedSecret.Kept> FetchAsync(string scope, CancellationToken cancellationToken)
    {
        if (_refused.Contains(scope)) throw new CredentialException("no");
        lock (_fetched) _fetched.Add(scope);
        return Task.FromResult(AccessToken.Keep(Given.Secret("t", "FAKE" + scope), _time.GetUtcNow(), TimeSpan.FromHours(1)));
    }
}
