using System.Text;

namespace Fairlead.Tests.Gateway.Policy;

/// <summary>
/// What servers that are seen in the wild make of a path, written without a look at the gateway's readings: how often they decode, before or
/// after they split, and whether '\' is '/', "//" is '/', ";parameters" are cut, in each combination.
/// </summary>
internal static class LenientServers
{
    public static IEnumerable<string> ReadingsOf(string path)
    {
        foreach (var decodesBefore in new[] { 0, 1, 2, 3 })
            foreach (var decodesAfter in new[] { 0, 1 })
                foreach (var foldsBackslash in new[] { false, true })
                    foreach (var cutsParameters in new[] { false, true })
                        foreach (var mergesSlashes in new[] { false, true })
                            yield return Read(path, decodesBefore, decodesAfter, foldsBackslash, cutsParameters, mergesSlashes);
    }

    private static string Read(string path, int decodesBefore, int decodesAfter, bool foldsBackslash, bool cutsParameters, bool mergesSlashes)
    {
        // RFC 3986 §6.2.2.2: nobody tells an encoded letter from the letter.
        path = Decode(path, c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_' or '~');
        for (var i = 0; i < decodesBefore; i++) path = Decode(path, _ => true);
        if (foldsBackslash) path = path.Replace('\\', '/');
        var stack = new List<string>();
        var segments = path[1..].Split('/');
        for (var i = 0; i < segments.Length; i++)
        {
            var segment = cutsParameters ? segments[i].Split(';')[0] : segments[i];
            var isLast = i == segments.Length - 1;
            if (segment is "." or "..")
            {
                if (segment == ".." && stack.Count > 0) stack.RemoveAt(stack.Count - 1);
                if (isLast) stack.Add("");
            }
            else if (segment.Length > 0 || !mergesSlashes || isLast)
            {
                stack.Add(segment);
            }
        }

        path = "/" + string.Join('/', stack);
        for (var i = 0; i < decodesAfter; i++) path = Decode(path, _ => true);
        return path;
    }

    private static string Decode(string text, Func<char, bool> isDecoded)
    {
        var result = new StringBuilder();
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '%' && i + 2 < text.Length && char.IsAsciiHexDigit(text[i + 1]) && char.IsAsciiHexDigit(text[i + 2])
                && (char)Convert.ToInt32(text[(i + 1)..(i + 3)], 16) is var c && isDecoded(c))
            {
                result.Append(c);
                i += 2;
            }
            else
            {
                result.Append(text[i]);
            }
        }

        return result.ToString();
    }
}
