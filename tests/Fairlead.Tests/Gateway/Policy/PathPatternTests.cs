using Fairlead.Gateway.Policy;

namespace Fairlead.Tests.Gateway.Policy;

public sealed class PathPatternTests
{
    [Theory]
    [InlineData("/", "/", true)]
    [InlineData("/", "/a", false)]
    [InlineData("/**", "/", true)]
    [InlineData("/**", "/a/b/c", true)]
    [InlineData("/a", "/a", true)]
    [InlineData("/a", "/a/", false)]
    [InlineData("/a", "/A", false)]
    [InlineData("/a", "/ab", false)]
    [InlineData("/a/", "/a/", true)]
    [InlineData("/a/", "/a", false)]
    [InlineData("/a/**", "/a", true)]
    [InlineData("/a/**", "/a/", true)]
    [InlineData("/a/**", "/a/b/c", true)]
    [InlineData("/a/**", "/ab", false)]
    [InlineData("/a/*", "/a/b", true)]
    [InlineData("/a/*", "/a/", true)]
    [InlineData("/a/*", "/a", false)]
    [InlineData("/a/*", "/a/b/c", false)]
    [InlineData("/a/*/c", "/a/b/c", true)]
    [InlineData("/a/*/c", "/a/b/d/c", false)]
    [InlineData("/a/**/c", "/a/c", true)]
    [InlineData("/a/**/c", "/a/b/d/c", true)]
    [InlineData("/a/**/c", "/a/b/d", false)]
    [InlineData("/**/c", "/c", true)]
    [InlineData("/**/c", "/a/b/c", true)]
    [InlineData("/**/c/**", "/a/c/d", true)]
    [InlineData("/v*", "/v1", true)]
    [InlineData("/v*", "/v", true)]
    [InlineData("/*.json", "/a.json", true)]
    [InlineData("/*.json", "/a.json5", false)]
    [InlineData("/a*b*c", "/aXbYc", true)]
    [InlineData("/a*b*c", "/aXbY", false)]
    [InlineData("/a*b*c", "/abcbc", true)]
    [InlineData("/a//b", "/a//b", true)]
    [InlineData("/a//b", "/a/b", false)]
    public void A_pattern_means_these_and_no_other(string pattern, string path, bool matches)
    {
        Assert.True(PathPattern.TryParse(pattern, out var parsed, out var problem), problem);

        Assert.Equal(matches, parsed.Matches(path));
    }

    [Theory]
    [InlineData("/a**", "'**' must be a whole segment")]
    [InlineData("/**a/b", "'**' must be a whole segment")]
    [InlineData("/***", "'**' must be a whole segment")]
    [InlineData("/a/./b", "a segment '.' never matches")]
    [InlineData("/a/../b", "a segment '..' never matches")]
    [InlineData("/..", "a segment '..' never matches")]
    [InlineData("/a?x=1", "queries are not matched")]
    [InlineData("/a#b", "queries are not matched")]
    public void What_is_no_pattern_is_refused_with_the_reason(string pattern, string problem)
    {
        Assert.False(PathPattern.TryParse(pattern, out _, out var said));

        Assert.Contains(problem, said, StringComparison.Ordinal);
    }

    [Fact]
    public void A_hostile_path_cannot_make_matching_slow()
    {
        Assert.True(PathPattern.TryParse("/*a*a*a*a*a*a*a*b", out var stars, out _));
        Assert.True(PathPattern.TryParse("/**/a/**/a/**/b", out var trees, out _));
        var began = TimeProvider.System.GetTimestamp();

        Assert.False(stars.Matches("/" + new string('a', 32 * 1024)));
        Assert.False(trees.Matches(string.Concat(Enumerable.Repeat("/a", 30_000))));

        Assert.True(TimeProvider.System.GetElapsedTime(began) < TimeSpan.FromSeconds(5));
    }
}
