using System.IO.Compression;
using System.Text;
using System.Text.RegularExpressions;

namespace Fairlead.EndToEnd.RedTeam.Stage;

/// <summary>All that servers may read in a request: its query and body in every encoding and character set they may take it for, with escapes undone.</summary>
internal static partial class LenientBodies
{
    public static IEnumerable<string> TextsOf(StrictRequest request)
    {
        var bytes = Encoding.Latin1.GetBytes(request.Body);
        foreach (var inflated in Inflated(bytes).Append(bytes))
        {
            foreach (var set in new[] { Encoding.UTF8, Encoding.Unicode, Encoding.BigEndianUnicode, Encoding.UTF32 })
            {
                var text = set.GetString(inflated);
                yield return text;
                yield return JsonEscape().Replace(text, m => ((char)Convert.ToInt32(m.Groups[1].Value, 16)).ToString());
                yield return Uri.UnescapeDataString(text.Replace('+', ' '));
            }
        }

        yield return Uri.UnescapeDataString(request.Target);
        foreach (var (_, value) in request.Headers) yield return Uri.UnescapeDataString(value);
    }

    private static IEnumerable<byte[]> Inflated(byte[] bytes)
    {
        foreach (var open in new Func<Stream, Stream>[] { s => new GZipStream(s, CompressionMode.Decompress), s => new ZLibStream(s, CompressionMode.Decompress), s => new BrotliStream(s, CompressionMode.Decompress) })
        {
            using var plain = new MemoryStream();
            try
            {
                using var packed = open(new MemoryStream(bytes));
                packed.CopyTo(plain);
            }
            catch (Exception e) when (e is InvalidDataException or InvalidOperationException)
            {
                continue;
            }

            yield return plain.ToArray();
        }
    }

    [GeneratedRegex(@"\\u([0-9A-Fa-f]{4})")]
    private static partial Regex JsonEscape();
}
