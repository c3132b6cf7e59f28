using System.IO.Compression;
using System.Text;
using Microsoft.Extensions.Primitives;

namespace Fairlead.Gateway.Capture;

/// <summary>A body as it is kept: text in which secrets can be looked for, or base64 of what is none. What cannot be looked through, since it is compressed in a way we do not read, is left out.</summary>
/// <param name="Text">What is kept of it, or null.</param>
/// <param name="Encoding">Null for text, else <c>base64</c>.</param>
/// <param name="Length">How many bytes it had on the wire.</param>
/// <param name="IsTruncated">True when only its beginning is kept.</param>
internal sealed record CapturedBody(string? Text, string? Encoding, long Length, bool IsTruncated)
{
    public static CapturedBody Of(BoundedBody body, StringValues encodings, IReadOnlyList<string> secrets)
    {
        if (body.Length == 0) return new CapturedBody("", null, 0, false);
        var most = body.Kept.Length;
        var isTruncated = body.IsTruncated;
        if (Decode(body.Kept.ToArray(), encodings.ToString().Trim().ToLowerInvariant(), most, ref isTruncated) is not { } bytes) return new CapturedBody(null, null, body.Length, true);
        return TextOf(bytes, isTruncated) is { } text
            ? new CapturedBody(Redaction.Text(Redaction.Without(text, secrets)), null, body.Length, isTruncated)
            : new CapturedBody(WithoutSecrets(bytes, secrets), "base64", body.Length, isTruncated);
    }

    // What looks like bytes may hold a secret all the same.
    private static string WithoutSecrets(byte[] bytes, IReadOnlyList<string> secrets) =>
        Convert.ToBase64String(System.Text.Encoding.Latin1.GetBytes(Redaction.Text(Redaction.Without(System.Text.Encoding.Latin1.GetString(bytes), secrets))));

    private static byte[]? Decode(byte[] bytes, string encoding, int most, ref bool isTruncated)
    {
        using var compressed = new MemoryStream(bytes);
        using Stream? decoder = encoding switch
        {
            "" or "identity" => null,
            "gzip" or "x-gzip" => new GZipStream(compressed, CompressionMode.Decompress),
            "deflate" => new ZLibStream(compressed, CompressionMode.Decompress),
            "br" => new BrotliStream(compressed, CompressionMode.Decompress),
            _ => Stream.Null,
        };
        if (decoder is null) return bytes;
        if (decoder == Stream.Null) return null;
        var decoded = new BoundedBody(most);
        var buffer = new byte[8192];
        try
        {
            for (int count; !decoded.IsTruncated && (count = decoder.Read(buffer)) > 0;) decoded.Add(buffer.AsSpan(0, count));
        }
        catch (Exception e) when (e is InvalidDataException or InvalidOperationException or IOException)
        {
            // The beginning of a compressed body decodes to the beginning of the body.
            isTruncated = true;
        }

        isTruncated |= decoded.IsTruncated;
        return decoded.Kept.ToArray();
    }

    private static string? TextOf(byte[] bytes, bool isTruncated)
    {
        // The last character may be cut.
        for (var cut = 0; cut <= (isTruncated ? 3 : 0) && cut < bytes.Length; cut++)
        {
            try
            {
                var text = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes, 0, bytes.Length - cut);
                return text.Any(c => char.IsControl(c) && c is not ('\n' or '\r' or '\t')) ? null : text;
            }
            catch (DecoderFallbackException)
            {
                // No text, or cut within its last character.
            }
        }

        return null;
    }
}
