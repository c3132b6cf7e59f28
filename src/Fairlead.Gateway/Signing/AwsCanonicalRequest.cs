using System.Text;

namespace Fairlead.Gateway.Signing;

/// <summary>
/// The canonical request of AWS Signature Version 4 ("Create a signed AWS API request", step 1): method, path, query, headers, names of the headers, hash of the body.
/// Texts carry bytes as Latin-1, as the head of a request does.
/// </summary>
internal static class AwsCanonicalRequest
{
    /// <param name="method">The method.</param>
    /// <param name="target">Path and query, as sent.</param>
    /// <param name="headers">Those that are signed: names in lower case, sorted, each once.</param>
    /// <param name="payloadHash">The hash of the body, or the word that stands for it.</param>
    /// <param name="isPathPlain">True for S3, which takes the path as it is; every other service normalises it and encodes it once more.</param>
    public static string Of(string method, string target, IEnumerable<KeyValuePair<string, string>> headers, string payloadHash, bool isPathPlain)
    {
        var mark = target.IndexOf('?', StringComparison.Ordinal);
        var path = mark < 0 ? target : target[..mark];
        var text = new StringBuilder(method).Append('\n')
            .Append(isPathPlain ? EncodedOnce(path) : Encode(Normalised(path), isSlashKept: true)).Append('\n')
            .Append(QueryOf(mark < 0 ? "" : target[(mark + 1)..])).Append('\n');
        foreach (var (name, value) in headers) text.Append(name).Append(':').Append(Trimmed(value)).Append('\n');
        return text.Append('\n').AppendJoin(';', headers.Select(h => h.Key)).Append('\n').Append(payloadHash).ToString();
    }

    /// <summary>Each parameter decoded, encoded by AWS's rules, and sorted by name and value.</summary>
    internal static string QueryOf(string query)
    {
        var pairs = new List<(string Name, string Value)>();
        foreach (var piece in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = piece.IndexOf('=', StringComparison.Ordinal);
            var (name, value) = equals < 0 ? (piece, "") : (piece[..equals], piece[(equals + 1)..]);
            pairs.Add((EncodeAnew(name), EncodeAnew(value)));
        }

        return string.Join('&', pairs.OrderBy(p => p.Name, StringComparer.Ordinal).ThenBy(p => p.Value, StringComparer.Ordinal).Select(p => $"{p.Name}={p.Value}"));
    }

    /// <summary>RFC 3986 §5.2.4, and empty segments are none.</summary>
    internal static string Normalised(string path)
    {
        var segments = new List<string>();
        foreach (var segment in path.Split('/'))
        {
            if (segment == ".." && segments.Count > 0) segments.RemoveAt(segments.Count - 1);
            if (segment is not ("" or "." or "..")) segments.Add(segment);
        }

        return "/" + string.Join('/', segments) + (segments.Count > 0 && path[^1] == '/' ? "/" : "");
    }

    // Runs of blanks are one, none is at an end.
    private static string Trimmed(string value) => string.Join(' ', value.Split((char[])[' ', '\t', '\n'], StringSplitOptions.RemoveEmptyEntries));

    // An encoded '/' is a character of its segment, and stays encoded.
    private static string EncodedOnce(string path) => string.Join('/', path.Split('/').Select(s => Encode(Decode(s), isSlashKept: false)));

    // Servers read a '+' of a query as a blank, which is why the clients of AWS never send one.
    private static string EncodeAnew(string text) => Encode(Decode(text.Replace('+', ' ')), isSlashKept: false);

    private static string Encode(string text, bool isSlashKept)
    {
        var encoded = new StringBuilder(text.Length + 16);
        foreach (var c in text)
        {
            if (char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' or '~' || (c == '/' && isSlashKept)) encoded.Append(c);
            else encoded.Append('%').Append(((int)c).ToString("X2", System.Globalization.CultureInfo.InvariantCulture));
        }

        return encoded.ToString();
    }

    // To bytes, each a character; Uri.UnescapeDataString would make text of them.
    private static string Decode(string text)
    {
        if (!text.Contains('%', StringComparison.Ordinal)) return text;
        var decoded = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '%' && i + 2 < text.Length && char.IsAsciiHexDigit(text[i + 1]) && char.IsAsciiHexDigit(text[i + 2]))
            {
                decoded.Append((char)((char.ToLowerInvariant(text[i + 1]) is var high && high > '9' ? high - 'a' + 10 : high - '0') * 16
                    + (char.ToLowerInvariant(text[i + 2]) is var low && low > '9' ? low - 'a' + 10 : low - '0')));
                i += 2;
            }
            else
            {
                decoded.Append(text[i]);
            }
        }

        return decoded.ToString();
    }
}
