using System.Text;

namespace Fairlead.Gateway.Policy;

/// <summary>
/// The ways in which servers may read one path. It is forwarded byte for byte, so what the upstream makes of <c>%2f</c>, <c>..</c> or <c>\</c>
/// is not ours to say: a request is allowed only when every reading is, and denied when one of them is.
/// </summary>
internal static class PathReadings
{
    /// <summary>One reading for a plain path, up to three for one that servers read differently.</summary>
    /// <param name="path">The path as sent, without the query.</param>
    public static IReadOnlyList<string> Of(string path)
    {
        if (IsPlain(path)) return [path];

        // 1. As written, with only what RFC 3986 §6.2.2.2 calls equivalent undone: unreserved characters that were encoded.
        var asWritten = Decode(path, unreservedOnly: true);
        // 2. As a server reads it that decodes before it splits.
        var decoded = Decode(path, unreservedOnly: false);
        // 3. As a chain of servers reads it in which several decode.
        var decodedAgain = decoded;
        for (var round = 0; round < 3; round++) decodedAgain = Decode(decodedAgain, unreservedOnly: false);
        return [.. new[] { asWritten, Resolve(decoded), Resolve(decodedAgain) }.Distinct()];
    }

    private static bool IsPlain(string path) =>
        path.AsSpan().IndexOfAny('%', '\\', ';') < 0 && !path.Contains("//", StringComparison.Ordinal) && !path.Contains("/.", StringComparison.Ordinal);

    private static string Decode(string path, bool unreservedOnly)
    {
        var result = new StringBuilder(path.Length);
        for (var i = 0; i < path.Length; i++)
        {
            if (path[i] == '%' && i + 2 < path.Length && char.IsAsciiHexDigit(path[i + 1]) && char.IsAsciiHexDigit(path[i + 2]))
            {
                // Bytes above 0x7f stay Latin-1 characters: no rule can name them, and none needs to.
                var c = (char)Convert.ToByte(path.Substring(i + 1, 2), 16);
                if (!unreservedOnly || char.IsAsciiLetterOrDigit(c) || c is '-' or '.' or '_' or '~')
                {
                    result.Append(c);
                    i += 2;
                    continue;
                }
            }

            result.Append(path[i]);
        }

        return result.ToString();
    }

    // RFC 3986 §5.2.4, and what lenient servers add to it: '\' is '/', "//" is '/', and ";parameters" of a segment are not part of its name.
    private static string Resolve(string path)
    {
        var kept = new List<string>();
        var segments = path.Replace('\\', '/').Split('/');
        for (var i = 1; i < segments.Length; i++)
        {
            var segment = segments[i];
            var parameters = segment.IndexOf(';', StringComparison.Ordinal);
            if (parameters >= 0) segment = segment[..parameters];
            var isLast = i == segments.Length - 1;
            if (segment == "..")
            {
                if (kept.Count > 0) kept.RemoveAt(kept.Count - 1);
                if (isLast) kept.Add("");
            }
            else if (segment is "" or ".")
            {
                if (isLast) kept.Add("");
            }
            else
            {
                kept.Add(segment);
            }
        }

        return "/" + string.Join('/', kept);
    }
}
