using System.Text;

namespace Fairlead.Gateway.Policy;

/// <summary>
/// The ways in which servers may read one path. It is forwarded byte for byte, so what the upstream makes of <c>%2f</c>, <c>..</c> or <c>\</c>
/// is not ours to say: a request is allowed only when every reading is, and denied when one of them is.
/// </summary>
internal static class PathReadings
{
    /// <summary>A path that is longer and can be read in several ways is not judged: each reading costs as much as the path is long.</summary>
    public const int MaxLength = 8192;

    // Chains of servers in which more than three decode one path have not been met.
    private const int MaxDecodings = 4;

    /// <summary>One reading for a plain path, and every one that is met in servers for a path that they read differently.</summary>
    /// <param name="path">The path as sent, without the query.</param>
    public static IReadOnlyCollection<string> Of(string path)
    {
        if (IsPlain(path)) return [path];

        // 1. As written, with only what RFC 3986 §6.2.2.2 calls equivalent undone: unreserved characters that were encoded.
        var current = Decode(path, unreservedOnly: true);
        var readings = new HashSet<string>();
        for (var decodings = 0; decodings <= MaxDecodings; decodings++)
        {
            // 2. As a server reads it that decodes so often before it splits, and 3. as one that decodes once more after it has split.
            readings.Add(current);
            AddResolved(readings, current);
            // 4. As one that takes odd encodings of a character for the character.
            if (OddEncodings.Fold(current) is { } folded)
            {
                readings.Add(folded);
                AddResolved(readings, folded);
            }

            var decoded = Decode(current, unreservedOnly: false);
            if (decoded == current) break;
            current = decoded;
        }

        return readings;
    }

    // What ".." takes away depends on what is a segment: to some servers '\' is '/', ";parameters" are no part of a name, or "//" is '/'; to others not.
    private static void AddResolved(HashSet<string> readings, string path)
    {
        foreach (var slashed in Either(path, path.Contains('\\', StringComparison.Ordinal), p => p.Replace('\\', '/')))
        {
            foreach (var cutsParameters in Either(slashed.Contains(';', StringComparison.Ordinal)))
            {
                foreach (var mergesSlashes in Either(slashed.Contains("//", StringComparison.Ordinal) || cutsParameters))
                {
                    var resolved = Resolve(slashed, cutsParameters, mergesSlashes);
                    readings.Add(resolved);
                    var decoded = Decode(resolved, unreservedOnly: false);
                    readings.Add(decoded);
                    // A server that decodes before it looks for the end of the path ends it there.
                    if (decoded.AsSpan().IndexOfAny('?', '#', '\0') is > 0 and var end) readings.Add(decoded[..end]);
                }
            }
        }
    }

    private static string[] Either(string path, bool isTold, Func<string, string> otherwise) => isTold ? [path, otherwise(path)] : [path];

    private static bool[] Either(bool isTold) => isTold ? [false, true] : [false];

    /// <summary>True when all servers read the path alike.</summary>
    public static bool IsPlain(string path) =>
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

    // RFC 3986 §5.2.4, which keeps empty segments, or as lenient servers do it.
    private static string Resolve(string path, bool cutsParameters, bool mergesSlashes)
    {
        var kept = new List<string>();
        var segments = path.Split('/');
        for (var i = 1; i < segments.Length; i++)
        {
            var segment = segments[i];
            var parameters = cutsParameters ? segment.IndexOf(';', StringComparison.Ordinal) : -1;
            if (parameters >= 0) segment = segment[..parameters];
            var isLast = i == segments.Length - 1;
            if (segment == "..")
            {
                if (kept.Count > 0) kept.RemoveAt(kept.Count - 1);
                if (isLast) kept.Add("");
            }
            else if (segment == ".")
            {
                if (isLast) kept.Add("");
            }
            else if (segment.Length > 0 || isLast || !mergesSlashes)
            {
                kept.Add(segment);
            }
        }

        return "/" + string.Join('/', kept);
    }
}
