using System.Globalization;
using System.Text;

namespace Fairlead.Gateway.Policy;

/// <summary>
/// Encodings of ASCII characters that no standard allows and some servers take all the same: UTF-8 that is longer than it need be (RFC 3629 §3 forbids it),
/// <c>%uXXXX</c>, and characters of Unicode that are turned into the ASCII character they look like.
/// </summary>
internal static class OddEncodings
{
    /// <param name="path">A path of which each character is a byte.</param>
    /// <returns>The path with ASCII in their places; null when it holds none of them.</returns>
    public static string? Fold(string path)
    {
        if (path.AsSpan().IndexOfAnyInRange('\xc0', '\xff') < 0 && !path.Contains("%u", StringComparison.OrdinalIgnoreCase)) return null;
        var result = new StringBuilder(path.Length);
        for (var i = 0; i < path.Length;)
        {
            var (c, length) = At(path.AsSpan(i));
            result.Append(c);
            i += length;
        }

        return result.Length == path.Length ? null : result.ToString();
    }

    private static (char Character, int Length) At(ReadOnlySpan<char> text)
    {
        if (text.Length >= 6 && text[0] == '%' && text[1] is 'u' or 'U'
            && int.TryParse(text[2..6], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var named) && Ascii(named) is { } written)
            return (written, 6);

        var length = text[0] switch { >= '\xc0' and < '\xe0' => 2, >= '\xe0' and < '\xf0' => 3, >= '\xf0' and < '\xf8' => 4, _ => 1 };
        if (length == 1 || length > text.Length) return (text[0], 1);
        var value = text[0] & (0x7f >> length);
        // Readers as careless as these do not look whether a byte is a continuation.
        foreach (var c in text[1..length]) value = (value << 6) | (c & 0x3f);
        return Ascii(value) is { } character ? (character, length) : (text[0], 1);
    }

    private static char? Ascii(int value) => value switch
    {
        < 0x80 => (char)value,
        >= 0xff01 and <= 0xff5e => (char)(value - 0xfee0), // full-width forms
        0x2044 or 0x2215 or 0x29f8 => '/',
        0x2216 or 0xfe68 => '\\',
        0x2024 or 0xfe52 => '.',
        _ => null,
    };
}
