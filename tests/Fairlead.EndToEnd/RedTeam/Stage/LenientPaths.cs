using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Fairlead.Tests.Gateway.Policy;

namespace Fairlead.EndToEnd.RedTeam.Stage;

/// <summary>The paths that servers may take one for: those of the usual lenient ones, and of those that decode a byte sequence or <c>%uXXXX</c> in ways no standard has.</summary>
internal static partial class LenientPaths
{
    public static IEnumerable<string> ReadingsOf(string path)
    {
        foreach (var decodings in new[] { 0, 1, 2 })
        {
            var written = path;
            for (var i = 0; i < decodings; i++) written = Unescape(written);
            foreach (var variant in new[] { written, Overlong(written), BestFit(written), NamedUnits(written) }.Distinct())
            {
                foreach (var reading in LenientServers.ReadingsOf(variant.StartsWith('/') ? variant : "/" + variant)) yield return reading;
                // A string of C ends at NUL.
                if (variant.IndexOf('\0', StringComparison.Ordinal) is > 0 and var end) yield return variant[..end];
            }
        }
    }

    private static string Unescape(string text) => Escape().Replace(text, m => ((char)int.Parse(m.Groups[1].Value, NumberStyles.HexNumber, CultureInfo.InvariantCulture)).ToString());

    // Two-, three- and four-byte forms of a character below 0x80.
    private static string Overlong(string text)
    {
        text = Four().Replace(text, m => ((char)(m.Value[3] & 0x3f | (m.Value[2] & 1) << 6)).ToString());
        text = Three().Replace(text, m => ((char)(m.Value[2] & 0x3f | (m.Value[1] & 1) << 6)).ToString());
        return Two().Replace(text, m => ((char)(m.Value[1] & 0x3f | (m.Value[0] & 1) << 6)).ToString());
    }

    // Characters of Unicode that a conversion to an 8-bit character set turns into their likes.
    private static string BestFit(string text)
    {
        var decoded = Encoding.UTF8.GetString(Encoding.Latin1.GetBytes(text));
        var result = new StringBuilder();
        foreach (var c in decoded) result.Append(c is >= '\uff01' and <= '\uff5e' ? (char)(c - 0xfee0) : c switch { '\u2215' or '\u2044' => '/', '\u2216' => '\\', '\u2024' => '.', _ => c });
        return result.ToString();
    }

    private static string NamedUnits(string text) => BestFit(Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(Named().Replace(text, m => ((char)int.Parse(m.Groups[1].Value, NumberStyles.HexNumber, CultureInfo.InvariantCulture)).ToString()))));

    [GeneratedRegex("%([0-9A-Fa-f]{2})")]
    private static partial Regex Escape();

    [GeneratedRegex("%[uU]([0-9A-Fa-f]{4})")]
    private static partial Regex Named();

    [GeneratedRegex("[\xc0\xc1].", RegexOptions.Singleline)]
    private static partial Regex Two();

    [GeneratedRegex("\xe0[\x80\x81].", RegexOptions.Singleline)]
    private static partial Regex Three();

    [GeneratedRegex("\xf0\x80[\x80\x81].", RegexOptions.Singleline)]
    private static partial Regex Four();
}
