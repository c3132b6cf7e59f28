using System.Text;
using System.Text.Json;

namespace Fairlead.Gateway.Credentials;

/// <summary>Puts secrets where a request has their placeholders. It has no string form.</summary>
internal sealed class PlaceholderSwap(IReadOnlyList<(Placeholder Placeholder, Secret Secret)> pairs)
{
    /// <summary>The value of a header, with the secrets.</summary>
    public string InHeader(string value)
    {
        if (Placeholder.TryReadBasic(value, out var basic))
        {
            var swapped = Replace(basic, SwapSurfaces.Basic, v => v);
            return swapped == basic ? value : "Basic " + Convert.ToBase64String(Encoding.Latin1.GetBytes(swapped));
        }

        return Replace(value, SwapSurfaces.Header, v => v);
    }

    /// <summary>Path and query, with the secrets in the query's values; every other value stays byte for byte.</summary>
    public string InTarget(string target)
    {
        var mark = target.IndexOf('?', StringComparison.Ordinal);
        if (mark < 0 || !pairs.Any(p => p.Placeholder.Surfaces.HasFlag(SwapSurfaces.Query) && p.Placeholder.IsIn(target))) return target;
        var result = new StringBuilder(target[..mark]).Append('?');
        var isFirst = true;
        foreach (var (separator, piece) in QueryText.PiecesOf(target[(mark + 1)..]))
        {
            if (!isFirst) result.Append(separator);
            result.Append(InParameter(piece));
            isFirst = false;
        }

        return result.ToString();
    }

    /// <summary>A body of text, with the secrets written as its media type wants them.</summary>
    /// <returns>Null when no placeholder is in it.</returns>
    public byte[]? InBody(byte[] body, string? contentType)
    {
        // Latin-1 carries every byte through.
        var text = Encoding.Latin1.GetString(body);
        var isForm = contentType?.StartsWith("application/x-www-form-urlencoded", StringComparison.OrdinalIgnoreCase) == true;
        var isJson = contentType?.Contains("json", StringComparison.OrdinalIgnoreCase) == true;
        var swapped = isForm
            ? string.Concat(QueryText.PiecesOf(text).Select((p, i) => (i == 0 ? "" : p.Separator.ToString()) + InParameter(p.Piece, SwapSurfaces.Body)))
            : Replace(text, SwapSurfaces.Body, isJson ? v => JsonEncodedText.Encode(v).Value : v => v);
        return swapped == text ? null : Encoding.Latin1.GetBytes(swapped);
    }

    public override string ToString() => "***";

    private string InParameter(string piece, SwapSurfaces surface = SwapSurfaces.Query)
    {
        var equals = piece.IndexOf('=', StringComparison.Ordinal) + 1;
        var decoded = Uri.UnescapeDataString(piece[equals..]);
        // As it stands where it can be: what the workload wrote beside it is written as the workload wrote it.
        var swapped = Replace(piece[equals..], surface, Uri.EscapeDataString);
        if (swapped != piece[equals..]) return piece[..equals] + swapped;
        var inDecoded = Replace(decoded, surface, v => v);
        return inDecoded == decoded ? piece : piece[..equals] + Uri.EscapeDataString(inDecoded);
    }

    private string Replace(string value, SwapSurfaces surface, Func<string, string> write)
    {
        foreach (var (placeholder, secret) in pairs)
        {
            if (placeholder.Surfaces.HasFlag(surface)) value = value.Replace(placeholder.Text, write(secret.Reveal()), StringComparison.Ordinal);
        }

        return value;
    }
}
