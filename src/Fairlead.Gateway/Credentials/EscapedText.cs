using System.Buffers;
using System.Collections.Frozen;
using System.Globalization;
using System.Text;

namespace Fairlead.Gateway.Credentials;

/// <summary>
/// A text in which the escapes of URLs (<c>%41</c>), of JSON, JavaScript and shells (<c>\u0041</c>, <c>\x41</c>, <c>\/</c>) and of HTML (<c>&amp;#65;</c>,
/// <c>&amp;#x41;</c>, <c>&amp;amp;</c>) are read, all at once, and which knows where each of its characters was written. So one pass finds what is written in
/// any of them, in part too. Bytes in, bytes out. The price: a secret that looks escaped itself may be missed where it is escaped in another way. Its memory is rented.
/// </summary>
internal sealed class EscapedText : IDisposable
{
    // Of a reference of HTML: its number may have zeros before it.
    private const int MostDigits = 8;
    private const int MostLetters = 6;

    private static readonly SearchValues<byte> Introducers = SearchValues.Create("%\\&"u8);
    private static readonly SearchValues<byte> HexDigits = SearchValues.Create("0123456789abcdefABCDEF"u8);
    private static readonly SearchValues<byte> Letters = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"u8);

    // HTML's names of ASCII punctuation. The longest has six letters.
    private static readonly FrozenDictionary<string, char> Names =
        "amp& AMP& lt< LT< gt> GT> quot\" QUOT\" apos' excl! num# dollar$ percnt% lpar( rpar) ast* midast* plus+ comma, period. sol/ colon: semi; equals= quest? commat@ lsqb[ lbrack[ bsol\\ rsqb] rbrack] Hat^ lowbar_ grave` lcub{ lbrace{ verbar| vert| rcub} rbrace}"
            .Split(' ').ToFrozenDictionary(name => name[..^1], name => name[^1]);

    private static readonly FrozenDictionary<string, char>.AlternateLookup<ReadOnlySpan<char>> NamesBySpan = Names.GetAlternateLookup<ReadOnlySpan<char>>();

    // From this character on, one stands so much further behind in what was read.
    private readonly List<(int At, int Shift)> _shifts = [];
    private readonly byte[] _text;
    private int _length;
    private int _wholeLength;

    private EscapedText(byte[] text) => _text = text;

    /// <summary>The text with its escapes read.</summary>
    public ReadOnlySpan<byte> Text => _text.AsSpan(0, _length);

    /// <summary>The text less an escape at its end of which the rest has not come.</summary>
    public ReadOnlySpan<byte> Whole => _text.AsSpan(0, _wholeLength);

    /// <summary>True when there was an escape to read.</summary>
    public bool HasEscapes => _shifts.Count > 0;

    /// <summary>True when a text has a character with which an escape begins.</summary>
    public static bool MayBeIn(ReadOnlySpan<byte> text) => text.ContainsAny(Introducers);

    public static EscapedText Read(ReadOnlySpan<byte> source)
    {
        var read = new EscapedText(ArrayPool<byte>.Shared.Rent(Math.Max(1, source.Length)));
        read.Fill(source);
        return read;
    }

    /// <summary>Where a character was written; for the text's length, where what was read ends.</summary>
    public int SourceOf(int index)
    {
        var low = 0;
        var high = _shifts.Count;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (_shifts[middle].At <= index) low = middle + 1;
            else high = middle;
        }

        return index + (low == 0 ? 0 : _shifts[low - 1].Shift);
    }

    public void Dispose() => ArrayPool<byte>.Shared.Return(_text);

    private void Fill(ReadOnlySpan<byte> source)
    {
        var at = 0;
        int? unfinished = null;
        while (true)
        {
            var plain = source[at..].IndexOfAny(Introducers) is >= 0 and var next ? next : source.Length - at;
            Append(source.Slice(at, plain));
            at += plain;
            if (at == source.Length) break;
            var length = ReadEscape(source[at..], out var character);
            if (length > 1)
            {
                _text[_length++] = character;
                at += length;
                _shifts.Add((_length, at - _length));
                continue;
            }

            // What could be an escape when more of it comes is a text meanwhile.
            if (length == 0) unfinished ??= _length;
            Append(source.Slice(at, 1));
            at++;
        }

        _wholeLength = unfinished ?? _length;
    }

    private void Append(ReadOnlySpan<byte> text)
    {
        text.CopyTo(_text.AsSpan(_length));
        _length += text.Length;
    }

    /// <returns>The length of the escape at the beginning of a text; 0 when the text ends within one; 1 when there is none.</returns>
    private static int ReadEscape(ReadOnlySpan<byte> text, out byte character) => text[0] switch
    {
        (byte)'%' => ReadDigits(text, 1, 2, out character),
        (byte)'\\' => ReadBackslash(text, out character),
        _ => ReadReference(text, out character),
    };

    private static int ReadBackslash(ReadOnlySpan<byte> text, out byte character)
    {
        character = default;
        if (text.Length == 1) return 0;
        if (text[1] == 'u') return ReadDigits(text, 2, 4, out character);
        if (text[1] == 'x') return ReadDigits(text, 2, 2, out character);
        character = text[1];
        // What begins another escape is read as that: nobody who writes those writes this one.
        return character is not ((byte)'%' or (byte)'&') && char.IsAscii((char)character) && (char.IsPunctuation((char)character) || char.IsSymbol((char)character)) ? 2 : 1;
    }

    private static int ReadDigits(ReadOnlySpan<byte> text, int from, int count, out byte character)
    {
        character = default;
        var value = 0;
        for (var i = from; i < from + count; i++)
        {
            if (i == text.Length) return 0;
            if (!char.IsAsciiHexDigit((char)text[i])) return 1;
            value = (value << 4) | (char.IsAsciiDigit((char)text[i]) ? text[i] - '0' : (text[i] | ' ') - 'a' + 10);
        }

        character = ByteOf(value);
        return from + count;
    }

    private static int ReadReference(ReadOnlySpan<byte> text, out byte character)
    {
        character = default;
        var end = text[1..Math.Min(text.Length, MostDigits + 4)].IndexOf((byte)';') + 1;
        if (end == 0) return text.Length < MostDigits + 4 && IsBeginning(text[1..]) ? 0 : 1;
        var body = text[1..end];
        Span<char> name = stackalloc char[MostDigits + 4];
        if (NamesBySpan.TryGetValue(name[..Encoding.Latin1.GetChars(body, name)], out var named))
        {
            character = (byte)named;
            return end + 1;
        }

        if (body is not [(byte)'#', .. var number]) return 1;
        var isHexadecimal = number is [(byte)'x' or (byte)'X', ..];
        if (!int.TryParse(isHexadecimal ? number[1..] : number, isHexadecimal ? NumberStyles.AllowHexSpecifier : NumberStyles.None, CultureInfo.InvariantCulture, out var value) || value is < 0 or > char.MaxValue) return 1;
        character = ByteOf(value);
        return end + 1;
    }

    // A secret is ASCII; whatever is not is one byte that is in none.
    private static byte ByteOf(int character) => character < 0x80 ? (byte)character : (byte)0xff;

    private static bool IsBeginning(ReadOnlySpan<byte> body)
    {
        if (body is [(byte)'#', .. var number])
        {
            return number is [(byte)'x' or (byte)'X', .. var digits] ? !digits.ContainsAnyExcept(HexDigits) : !number.ContainsAnyExceptInRange((byte)'0', (byte)'9');
        }

        return body.Length <= MostLetters && !body.ContainsAnyExcept(Letters);
    }
}
