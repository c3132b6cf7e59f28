using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Fairlead.Tests.Gateway.Credentials;

/// <summary>How servers write a value that they repeat.</summary>
internal static class Echoes
{
    public static readonly IReadOnlyDictionary<string, Func<string, Random, string>> All = new Dictionary<string, Func<string, Random, string>>
    {
        ["plain"] = (value, _) => value,
        ["of a URL"] = (value, _) => Uri.EscapeDataString(value),
        ["of a URL, as a form"] = (value, _) => WebUtility.UrlEncode(value),
        ["of a URL, all of it"] = (value, random) => string.Concat(value.Select(c => Percent(c, random))),
        ["of a URL, some of it"] = (value, random) => string.Concat(value.Select(c => "%\\&".Contains(c, StringComparison.Ordinal) || random.Next(2) == 0 ? Percent(c, random) : c.ToString())),
        ["of a URL, twice"] = (value, _) => Uri.EscapeDataString(Uri.EscapeDataString(value)),
        ["JSON"] = (value, _) => JsonEncodedText.Encode(value).Value,
        ["JSON, little escaped"] = (value, _) => JsonEncodedText.Encode(value, JavaScriptEncoder.UnsafeRelaxedJsonEscaping).Value,
        ["JSON, with '\\/'"] = (value, _) => JsonEncodedText.Encode(value, JavaScriptEncoder.UnsafeRelaxedJsonEscaping).Value.Replace("/", "\\/", StringComparison.Ordinal),
        ["JSON, all of it"] = (value, random) => string.Concat(value.Select(c => $"\\u{Hex(c, 4, random)}")),
        ["JSON in JSON"] = (value, _) => JsonEncodedText.Encode(JsonEncodedText.Encode(value).Value).Value,
        ["a URL in JSON"] = (value, _) => JsonEncodedText.Encode(Uri.EscapeDataString(value)).Value,
        ["JavaScript, all of it"] = (value, random) => string.Concat(value.Select(c => $"\\x{Hex(c, 2, random)}")),
        ["HTML"] = (value, _) => WebUtility.HtmlEncode(value),
        ["HTML, strictly"] = (value, _) => HtmlEncoder.Default.Encode(value),
        ["HTML, in numbers"] = (value, random) => string.Concat(value.Select(c => random.Next(2) == 0 ? $"&#{new string('0', random.Next(4))}{(int)c};" : $"&#{random.Pick('x', 'X')}{Hex(c, 4, random)};")),
        ["HTML, by names"] = (value, _) => WebUtility.HtmlEncode(value).Replace("/", "&sol;", StringComparison.Ordinal).Replace("+", "&plus;", StringComparison.Ordinal).Replace("=", "&equals;", StringComparison.Ordinal),
        ["base64"] = (value, random) => Convert.ToBase64String(Among(value, random)),
        ["base64 for URLs"] = (value, random) => Convert.ToBase64String(Among(value, random)).TrimEnd('=').Replace('+', '-').Replace('/', '_'),
        ["base64 in a URL"] = (value, random) => Uri.EscapeDataString(Convert.ToBase64String(Among(value, random))),
        ["base64 in JSON"] = (value, random) => JsonEncodedText.Encode(Convert.ToBase64String(Among(value, random))).Value.Replace("/", "\\/", StringComparison.Ordinal),
        ["hexadecimal"] = (value, _) => Convert.ToHexStringLower(Encoding.ASCII.GetBytes(value)),
        ["hexadecimal in capitals"] = (value, _) => Convert.ToHexString(Encoding.ASCII.GetBytes(value)),
        ["UTF-16"] = (value, _) => Encoding.Latin1.GetString(Encoding.Unicode.GetBytes(value)),
        ["UTF-16, the other order"] = (value, _) => Encoding.Latin1.GetString(Encoding.BigEndianUnicode.GetBytes(value)),
    };

    /// <summary>True for those that stand within other bytes of theirs, of which some stay.</summary>
    public static bool IsAmongOthers(string name) => name.StartsWith("base64", StringComparison.Ordinal) || name.StartsWith("UTF-16", StringComparison.Ordinal);

    private static byte[] Among(string value, Random random) => [.. random.NextBytes(random.Next(5)), .. Encoding.ASCII.GetBytes(value), .. random.NextBytes(random.Next(5))];

    private static string Percent(char c, Random random) => $"%{Hex(c, 2, random)}";

    private static string Hex(char c, int digits, Random random)
    {
        var hex = ((int)c).ToString($"x{digits}", CultureInfo.InvariantCulture);
        return random.Next(2) == 0 ? hex : hex.ToUpperInvariant();
    }
}
