using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Text;
using System.Text.RegularExpressions;

namespace Fairlead.EndToEnd.RedTeam.Stage;

/// <summary>How an upstream writes a secret that it got, and how somebody who wants it would read it out of what came back. Written without a look at the product's.</summary>
internal static partial class EchoedKey
{
    /// <summary>Fills an answer of a corpus.</summary>
    /// <param name="answer">With <c>{KEY}</c>, <c>{KEY:HOW}</c>, <c>{LENGTH}</c> and <c>{PAUSE}</c>.</param>
    /// <param name="key">What the upstream got; empty when it got none.</param>
    /// <param name="coding">How the body is compressed, or null.</param>
    public static string Fill(string answer, string key, string? coding)
    {
        var text = Place().Replace(answer, match => Write(key, match.Groups[1].Value)).Replace("{PAUSE}", CanaryOrigin.Pause, StringComparison.Ordinal);
        var body = text.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4;
        if (coding is not null) text = text[..body] + Compress(text[body..], coding);
        return text.Replace("{LENGTH}", (text.Length - body).ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal);
    }

    /// <summary>True when a secret can be read out of some bytes.</summary>
    public static bool IsReadable(string bytes, string key)
    {
        var dechunked = ChunkFrame().Replace(bytes, "");
        foreach (var text in (string[])[bytes, dechunked, dechunked.Replace("\0", "", StringComparison.Ordinal)])
        {
            var once = Unescape(text);
            if (((string[])[text, once, Unescape(once)]).Any(t => t.Contains(key, StringComparison.OrdinalIgnoreCase))) return true;
            if (Base64Run().Matches(once).Any(run => Enumerable.Range(0, 4).Any(skip => Decode(run.Value, skip).Contains(key, StringComparison.Ordinal)))) return true;
            if (HexRun().Matches(once).Any(run => Encoding.Latin1.GetString(Convert.FromHexString(run.Value[..(run.Length / 2 * 2)])).Contains(key, StringComparison.Ordinal))) return true;
        }

        return false;
    }

    private static string Write(string key, string how) => how switch
    {
        "" => key,
        "base64" => Convert.ToBase64String(Encoding.ASCII.GetBytes(key)),
        "pair" => Convert.ToBase64String(Encoding.ASCII.GetBytes("me:" + key)),
        "longer-pair" => Convert.ToBase64String(Encoding.ASCII.GetBytes("user:" + key)),
        "base64url" => Convert.ToBase64String(Encoding.ASCII.GetBytes("?>" + key + "?>")).TrimEnd('=').Replace('+', '-').Replace('/', '_'),
        "url" => string.Concat(key.Select((c, i) => i % 2 == 0 ? $"%{(int)c:x2}" : c.ToString())),
        "url-twice" => string.Concat(key.Select(c => $"%25{(int)c:X2}")),
        "json" => string.Concat(key.Select((c, i) => i % 3 == 0 ? $"\\u{(int)c:x4}" : c.ToString())),
        "html" => string.Concat(key.Select((c, i) => i % 2 == 0 ? $"&#{(int)c};" : $"&#x{(int)c:X};")),
        "hex" => Convert.ToHexStringLower(Encoding.ASCII.GetBytes(key)),
        "utf16" => Encoding.Latin1.GetString(Encoding.Unicode.GetBytes(key)),
        "chunked" => string.Concat(key.Select(c => $"1\r\n{c}\r\n")),
        "begin" => key[..(key.Length / 2)],
        "end" => key[(key.Length / 2)..],
        "slow" => string.Join(CanaryOrigin.Pause, key.Chunk(4).Select(part => new string(part))),
        _ => throw new InvalidDataException($"'{how}' is no form of a key"),
    };

    private static string Compress(string body, string coding)
    {
        using var all = new MemoryStream();
        using (Stream into = coding == "br" ? new BrotliStream(all, CompressionLevel.Fastest) : new GZipStream(all, CompressionLevel.Fastest)) into.Write(Encoding.Latin1.GetBytes(body));
        return Encoding.Latin1.GetString(all.ToArray());
    }

    private static string Unescape(string text) => JsonEscape().Replace(
        WebUtility.HtmlDecode(PercentEscape().Replace(text, match => ((char)Convert.ToInt32(match.Groups[1].Value, 16)).ToString())),
        match => ((char)Convert.ToInt32(match.Groups[1].Value, 16)).ToString());

    private static string Decode(string run, int skip)
    {
        var part = run.Replace('-', '+').Replace('_', '/')[Math.Min(skip, run.Length)..];
        return Encoding.Latin1.GetString(Convert.FromBase64String(part[..(part.Length / 4 * 4)]));
    }

    [GeneratedRegex(@"\{KEY(?::([a-z0-9-]+))?\}")]
    private static partial Regex Place();

    [GeneratedRegex("\r\n[0-9a-f]+\r\n")]
    private static partial Regex ChunkFrame();

    [GeneratedRegex("[A-Za-z0-9+/_-]{16,}")]
    private static partial Regex Base64Run();

    [GeneratedRegex("[A-Fa-f0-9]{16,}")]
    private static partial Regex HexRun();

    [GeneratedRegex("%([A-Fa-f0-9]{2})")]
    private static partial Regex PercentEscape();

    [GeneratedRegex(@"\\u([A-Fa-f0-9]{4})")]
    private static partial Regex JsonEscape();
}
