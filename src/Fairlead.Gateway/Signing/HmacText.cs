using System.Text;
using Fairlead.Wire;

namespace Fairlead.Gateway.Signing;

/// <summary>A text with parts of a request in it, such as <c>{timestamp}\n{method}\n{target}\n{body_sha256}</c>. Bytes are characters of Latin-1.</summary>
internal sealed class HmacText
{
    private const string HeaderPart = "header:";

    /// <summary>The parts that there are, besides <c>header:NAME</c>.</summary>
    public static readonly string[] Parts = ["method", "path", "query", "target", "host", "date", "timestamp", "timestamp_ms", "nonce", "body", "body_sha256", "body_sha256_base64"];

    private readonly List<(string Literal, string? Part)> _pieces;

    private HmacText(List<(string Literal, string? Part)> pieces) => _pieces = pieces;

    /// <summary>True when it needs the body.</summary>
    public bool NeedsBody => _pieces.Any(p => p.Part?.StartsWith("body", StringComparison.Ordinal) == true);

    /// <summary>Reads a template.</summary>
    /// <param name="template">The template.</param>
    /// <param name="own">Parts of this template alone.</param>
    /// <param name="text">The text.</param>
    /// <returns>Null, or what is wrong with it.</returns>
    public static string? TryParse(string template, string[] own, out HmacText? text)
    {
        text = null;
        var pieces = new List<(string, string?)>();
        for (var at = 0; at < template.Length;)
        {
            var open = template.IndexOf('{', at);
            if (open < 0) open = template.Length;
            var literal = template[at..open];
            if (literal.AsSpan().IndexOfAnyExceptInRange('\x20', '\x7e') >= 0 && literal.Any(c => c is not '\n' and (< ' ' or > '~'))) return "it holds a character that is neither visible ASCII nor a line feed";
            if (open == template.Length)
            {
                pieces.Add((literal, null));
                break;
            }

            var close = template.IndexOf('}', open);
            if (close < 0) return "it has '{' without '}'";
            var part = template[(open + 1)..close];
            var isHeader = part.StartsWith(HeaderPart, StringComparison.Ordinal) && part.Length > HeaderPart.Length;
            if (!isHeader && !Parts.Contains(part) && !own.Contains(part)) return $"there is no part '{HostPort.Printable(part)}'; there are {string.Join(", ", own.Concat(Parts))} and header:NAME";
            pieces.Add((literal, part));
            at = close + 1;
        }

        text = new HmacText(pieces);
        return null;
    }

    /// <summary>The text, with the parts as a function gives them.</summary>
    public string Fill(Func<string, string> valueOf, Func<string, string> headerOf)
    {
        var text = new StringBuilder();
        foreach (var (literal, part) in _pieces)
        {
            text.Append(literal);
            if (part is not null) text.Append(part.StartsWith(HeaderPart, StringComparison.Ordinal) ? headerOf(part[HeaderPart.Length..]) : valueOf(part));
        }

        return text.ToString();
    }
}
