using System.Diagnostics.CodeAnalysis;

namespace Fairlead.Gateway.Policy;

/// <summary>
/// Which paths are meant, segment by segment: <c>*</c> stands for any characters within one segment, <c>**</c> as a whole segment for any
/// number of segments, none included. So <c>/repos/acme/**</c> means <c>/repos/acme</c> and everything below it.
/// </summary>
internal sealed class PathPattern
{
    private const string Trailing = "/. \t";

    private readonly string[] _segments;
    private readonly PathPattern _trimmed;

    private PathPattern(string text)
    {
        _segments = text[1..].Split('/');
        // What stands before "/" in "/**/" is everything: that the path ends with a slash is then all that the pattern says.
        var trimmed = Trim(text);
        _trimmed = trimmed == text || trimmed.EndsWith("**", StringComparison.Ordinal) ? this : new PathPattern(trimmed);
    }

    /// <summary>This pattern, or it without what <see cref="Trim"/> takes away.</summary>
    public PathPattern Trimmed() => _trimmed;

    /// <summary>The first segments that hold no wildcard: every path that matches begins with them.</summary>
    public IEnumerable<string> LiteralSegments => _segments.TakeWhile(s => !s.Contains('*', StringComparison.Ordinal));

    /// <summary>True when every path matches.</summary>
    public bool IsEveryPath => _segments is ["**"];

    public static bool TryParse(string text, [NotNullWhen(true)] out PathPattern? pattern, [NotNullWhen(false)] out string? problem)
    {
        pattern = null;
        problem = null;
        foreach (var segment in text[1..].Split('/'))
        {
            if (segment != "**" && segment.Contains("**", StringComparison.Ordinal))
                problem = $"'{text}': '**' must be a whole segment, as in '/repos/**'";
            if (segment is "." or "..") problem = $"'{text}': a segment '{segment}' never matches, since paths are compared after such segments are resolved";
        }

        if (text.AsSpan().IndexOfAny('?', '#') >= 0) problem = $"'{text}': a rule ends with the path; queries are not matched";
        if (problem is not null) return false;
        pattern = new PathPattern(text);
        return true;
    }

    /// <summary>A path as servers have it to whom <c>/a/</c>, <c>/a//</c> and <c>/a.</c> are <c>/a</c>: without empty segments, dots and blanks at its end. One without them is returned as it is.</summary>
    public static string Trim(string path)
    {
        var length = path.AsSpan().TrimEnd(Trailing).Length;
        return length == path.Length || path == "/" ? path : length == 0 ? "/" : path[..length];
    }

    /// <summary>True when this pattern surely matches every path that the other matches. False may also mean that it was not worked out.</summary>
    public bool Covers(PathPattern other)
    {
        if (_segments.AsSpan().SequenceEqual(other._segments)) return true;
        // "/a/**" covers whatever begins with the literal "/a".
        return _segments[^1] == "**" && LiteralSegments.Count() == _segments.Length - 1 && other.LiteralSegments.Take(_segments.Length - 1).SequenceEqual(LiteralSegments);
    }

    /// <param name="path">A path that begins with '/'.</param>
    /// <param name="ignoresCase">True to take letters of either case for the same.</param>
    public bool Matches(string path, bool ignoresCase = false)
    {
        // As below for characters: on a mismatch the last "**" takes one segment more, so no path makes this slow.
        int pattern = 0, start = 1, star = -1, mark = 0;
        while (start <= path.Length)
        {
            if (pattern < _segments.Length && _segments[pattern] == "**")
            {
                (star, mark, pattern) = (pattern, start, pattern + 1);
                if (pattern == _segments.Length) return true;
                continue;
            }

            var end = EndOfSegment(path, start);
            if (pattern < _segments.Length && MatchesSegment(_segments[pattern], path.AsSpan(start, end - start), ignoresCase))
            {
                (pattern, start) = (pattern + 1, end + 1);
                continue;
            }

            if (star < 0) return false;
            mark = EndOfSegment(path, mark) + 1;
            (pattern, start) = (star + 1, mark);
        }

        while (pattern < _segments.Length && _segments[pattern] == "**") pattern++;
        return pattern == _segments.Length;
    }

    private static int EndOfSegment(string path, int start)
    {
        var slash = path.IndexOf('/', start);
        return slash < 0 ? path.Length : slash;
    }

    private static bool MatchesSegment(ReadOnlySpan<char> pattern, ReadOnlySpan<char> segment, bool ignoresCase)
    {
        // The usual two-pointer match: on a mismatch the last '*' takes one character more. Linear in practice, never exponential.
        int p = 0, s = 0, star = -1, mark = 0;
        while (s < segment.Length)
        {
            if (p < pattern.Length && pattern[p] == '*') (star, mark, p) = (p, s, p + 1);
            else if (p < pattern.Length && (pattern[p] == segment[s] || (ignoresCase && char.ToLowerInvariant(pattern[p]) == char.ToLowerInvariant(segment[s])))) (p, s) = (p + 1, s + 1);
            else if (star >= 0) (p, mark, s) = (star + 1, mark + 1, mark + 1);
            else return false;
        }

        while (p < pattern.Length && pattern[p] == '*') p++;
        return p == pattern.Length;
    }
}
