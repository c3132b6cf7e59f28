using System.Diagnostics.CodeAnalysis;

namespace Fairlead.Gateway.Policy;

/// <summary>
/// Which paths are meant, segment by segment: <c>*</c> stands for any characters within one segment, <c>**</c> as a whole segment for any
/// number of segments, none included. So <c>/repos/acme/**</c> means <c>/repos/acme</c> and everything below it.
/// </summary>
internal sealed class PathPattern
{
    private readonly string[] _segments;

    private PathPattern(string[] segments) => _segments = segments;

    public static bool TryParse(string text, [NotNullWhen(true)] out PathPattern? pattern, [NotNullWhen(false)] out string? problem)
    {
        pattern = null;
        problem = null;
        var segments = text[1..].Split('/');
        foreach (var segment in segments)
        {
            if (segment != "**" && segment.Contains("**", StringComparison.Ordinal))
                problem = $"'{text}': '**' must be a whole segment, as in '/repos/**'";
            if (segment is "." or "..") problem = $"'{text}': a segment '{segment}' never matches, since paths are compared after such segments are resolved";
        }

        if (text.AsSpan().IndexOfAny('?', '#') >= 0) problem = $"'{text}': a rule ends with the path; queries are not matched";
        if (problem is not null) return false;
        pattern = new PathPattern(segments);
        return true;
    }

    /// <param name="path">A path that begins with '/'.</param>
    public bool Matches(string path) => MatchesFrom(0, path.AsSpan(1), hasMore: true);

    // hasMore tells "/a/" (a second, empty segment) from "/a" (none).
    private bool MatchesFrom(int index, ReadOnlySpan<char> rest, bool hasMore)
    {
        for (; index < _segments.Length; index++)
        {
            if (_segments[index] == "**") return MatchesAnyTail(index + 1, rest, hasMore);
            if (!hasMore) return false;
            var end = rest.IndexOf('/');
            if (!MatchesSegment(_segments[index], end < 0 ? rest : rest[..end])) return false;
            hasMore = end >= 0;
            rest = end < 0 ? [] : rest[(end + 1)..];
        }

        return !hasMore;
    }

    private bool MatchesAnyTail(int next, ReadOnlySpan<char> rest, bool hasMore)
    {
        if (next == _segments.Length) return true;
        while (true)
        {
            if (MatchesFrom(next, rest, hasMore)) return true;
            if (!hasMore) return false;
            var end = rest.IndexOf('/');
            hasMore = end >= 0;
            rest = end < 0 ? [] : rest[(end + 1)..];
        }
    }

    private static bool MatchesSegment(ReadOnlySpan<char> pattern, ReadOnlySpan<char> segment)
    {
        // The usual two-pointer match: on a mismatch the last '*' takes one character more. Linear in practice, never exponential.
        int p = 0, s = 0, star = -1, mark = 0;
        while (s < segment.Length)
        {
            if (p < pattern.Length && pattern[p] == '*') (star, mark, p) = (p, s, p + 1);
            else if (p < pattern.Length && pattern[p] == segment[s]) (p, s) = (p + 1, s + 1);
            else if (star >= 0) (p, mark, s) = (star + 1, mark + 1, mark + 1);
            else return false;
        }

        while (p < pattern.Length && pattern[p] == '*') p++;
        return p == pattern.Length;
    }
}
