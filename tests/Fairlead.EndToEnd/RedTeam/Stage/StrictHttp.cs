using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Fairlead.EndToEnd.RedTeam.Stage;

/// <summary>
/// HTTP/1.1 as the strictest reader reads it: what two servers could read differently is malformed. Written without a look at any parser of the product or of
/// .NET, so that it can judge them.
/// </summary>
internal static partial class StrictHttp
{
    /// <summary>Reads one request from the beginning of some bytes.</summary>
    /// <returns>The request when all of it is there; else null, and <paramref name="fault"/> says what is malformed, or is null while more may come.</returns>
    public static StrictRequest? TryRead(string bytes, out int consumed, out string? fault)
    {
        (consumed, fault) = (0, null);
        var end = bytes.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        if (end < 0)
        {
            if (bytes.Length > 512 * 1024) fault = "a head without an end";
            return null;
        }

        var lines = bytes[..end].Split("\r\n");
        var requestLine = RequestLine().Match(lines[0]);
        if (!requestLine.Success) fault = $"the request line '{Shown(lines[0])}'";
        var headers = new List<KeyValuePair<string, string>>();
        foreach (var line in lines[1..])
        {
            var header = HeaderLine().Match(line);
            if (!header.Success) fault ??= $"the header line '{Shown(line)}'";
            headers.Add(new(header.Groups[1].Value.ToLowerInvariant(), header.Groups[2].Value));
        }

        string[] Values(string name) => [.. headers.Where(h => h.Key == name).Select(h => h.Value)];
        var (lengths, codings) = (Values("content-length"), Values("transfer-encoding"));
        if (Values("host").Length != 1) fault ??= "not one Host";
        if (lengths.Length > 1 || codings.Length > 1 || (lengths.Length == 1 && codings.Length == 1)) fault ??= "two framings of one body";
        if (lengths.Any(l => !Digits().IsMatch(l))) fault ??= $"the Content-Length '{Shown(lengths[0])}'";
        if (codings.Any(c => c != "chunked")) fault ??= $"the Transfer-Encoding '{Shown(codings[0])}'";
        if (fault is not null) return null;

        var body = "";
        consumed = end + 4;
        if (codings.Length == 1 && !TryReadChunks(bytes, ref consumed, out body, out fault)) return null;
        if (lengths.Length == 1)
        {
            var length = int.Parse(lengths[0], CultureInfo.InvariantCulture);
            if (bytes.Length - consumed < length) return null;
            body = bytes.Substring(consumed, length);
            consumed += length;
        }

        return new StrictRequest(requestLine.Groups[1].Value, requestLine.Groups[2].Value, headers, body);
    }

    /// <summary>The head of a request whose body is not all there.</summary>
    public static string? StartOf(string bytes) => bytes.Contains("\r\n\r\n", StringComparison.Ordinal) && RequestLine().Match(bytes.Split("\r\n")[0]) is { Success: true } line
        ? $"{line.Groups[1].Value} {line.Groups[2].Value}"
        : null;

    public static string Shown(string text) => Wire.HostPort.PrintableUpTo(text, 120);

    private static bool TryReadChunks(string bytes, ref int at, out string body, out string? fault)
    {
        (body, fault) = ("", null);
        var content = new StringBuilder();
        while (true)
        {
            var end = bytes.IndexOf("\r\n", at, StringComparison.Ordinal);
            if (end < 0) return false;
            var line = bytes[at..end];
            if (!ChunkSize().IsMatch(line))
            {
                fault = $"the chunk size '{Shown(line)}'";
                return false;
            }

            var size = int.Parse(line, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            if (bytes.Length < end + 2 + size + 2) return false;
            if (bytes.Substring(end + 2 + size, 2) != "\r\n")
            {
                fault = size == 0 ? "trailers" : "a chunk that does not end where it says";
                return false;
            }

            content.Append(bytes, end + 2, size);
            at = end + 2 + size + 2;
            if (size > 0) continue;
            body = content.ToString();
            return true;
        }
    }

    [GeneratedRegex(@"^([A-Z][A-Z_-]*) (/[!-~]*) HTTP/1\.1$")]
    private static partial Regex RequestLine();

    [GeneratedRegex("^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?((?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?)$")]
    private static partial Regex HeaderLine();

    [GeneratedRegex("^[0-9]{1,9}$")]
    private static partial Regex Digits();

    [GeneratedRegex("^[0-9A-Fa-f]{1,7}$")]
    private static partial Regex ChunkSize();
}
