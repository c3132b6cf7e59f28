using System.Buffers;
using System.Runtime.CompilerServices;
using System.Text;

namespace Fairlead.Gateway.Credentials;

/// <summary>
/// The forms in which a secret may come back: as it is, in base64 wherever in it it begins, in hexadecimal, and in UTF-16. Escapes are not forms: they are read
/// before (<see cref="EscapedText"/>). It has no string form.
/// </summary>
internal sealed class SecretForms
{
    /// <summary>The least length: what is shorter could stand in an answer by chance.</summary>
    public const int MinLength = 8;

    private const int MostBeforeHeld = 8;

    private static readonly ConditionalWeakTable<Secret, SecretForms> Known = [];

    private readonly byte[][] _forms;
    private readonly BytePatterns _any;
    private readonly SearchValues<byte> _beginnings;

    private SecretForms(string value)
    {
        // The longest first: of two that begin at one place, all of it goes.
        _forms = [.. FormsOf(value).Distinct().OrderByDescending(f => f.Length).Select(Encoding.Latin1.GetBytes)];
        _any = new BytePatterns(_forms);
        _beginnings = SearchValues.Create([.. _forms.Select(f => f[0]).Distinct()]);
    }

    /// <summary>The length of the longest form.</summary>
    public int Longest => _forms[0].Length;

    /// <summary>The length of the shortest form: a text of less holds none.</summary>
    public int Shortest => _forms[^1].Length;

    /// <summary>The forms of a secret, made once for it; null for one that is too short to be looked for.</summary>
    public static SecretForms? Of(Secret secret) =>
        secret.Reveal().Length < MinLength ? null : Known.GetValue(secret, static s => new SecretForms(s.Reveal()));

    /// <summary>Finds the first occurrence at or behind a place.</summary>
    /// <param name="text">Where to look.</param>
    /// <param name="from">Where to begin.</param>
    /// <param name="start">Where it is.</param>
    /// <param name="end">Where what follows it begins.</param>
    public bool TryFind(ReadOnlySpan<byte> text, int from, out int start, out int end)
    {
        var at = _any.IndexIn(text[from..], out var length);
        (start, end) = (from + at, from + at + length);
        return at >= 0;
    }

    /// <summary>Where the end of a text begins that may be the beginning of a form, so that what comes next decides.</summary>
    /// <param name="text">What has come.</param>
    /// <param name="tellsLittle">
    /// True when so little of the secret is in it that it may pass when nothing comes next: at most a quarter of a form, and at most eight characters.
    /// </param>
    /// <returns>The length of the text when no end of it is a beginning.</returns>
    public int FindBeginning(ReadOnlySpan<byte> text, out bool tellsLittle)
    {
        tellsLittle = true;
        var first = text.Length;
        var at = Math.Max(0, text.Length - Longest + 1);
        while (at < text.Length && text[at..].IndexOfAny(_beginnings) is >= 0 and var next)
        {
            at += next;
            foreach (var form in _forms)
            {
                var length = text.Length - at;
                if (length >= form.Length || !form.AsSpan().StartsWith(text[at..])) continue;
                first = Math.Min(first, at);
                tellsLittle &= length <= Math.Min(form.Length / 4, MostBeforeHeld);
            }

            at++;
        }

        return first;
    }

    public override string ToString() => "***";

    private static IEnumerable<string> FormsOf(string value)
    {
        yield return value;
        // A form of a web page writes a blank so (WHATWG URL, application/x-www-form-urlencoded).
        if (value.Contains(' ', StringComparison.Ordinal)) yield return value.Replace(' ', '+');
        // One that looks escaped in part is read so, where it stands among escapes of another kind.
        using (var once = EscapedText.Read(Encoding.Latin1.GetBytes(value)))
        using (var twice = EscapedText.Read(once.Text))
        {
            if (once.Text.Length >= MinLength) yield return Encoding.Latin1.GetString(once.Text);
            if (twice.Text.Length >= MinLength) yield return Encoding.Latin1.GetString(twice.Text);
        }

        yield return string.Join('\0', value.ToCharArray());
        var bytes = Encoding.ASCII.GetBytes(value);
        yield return Convert.ToHexStringLower(bytes);
        yield return Convert.ToHexString(bytes);
        for (var before = 0; before < 3; before++)
        {
            var form = Base64Of(bytes, before);
            yield return form;
            yield return form.Replace('+', '-').Replace('/', '_'); // RFC 4648 §5
        }
    }

    // What base64 has of the secret alone, when so many bytes of something else stand before it in the group of three (RFC 4648 §4): such as the user before the
    // password of Basic. The characters that it shares with its neighbours, four bits on a side at most, are left out; so padding does not matter.
    private static string Base64Of(byte[] bytes, int before)
    {
        var padded = new byte[before + bytes.Length + 2];
        bytes.CopyTo(padded, before);
        var first = ((before * 8) + 5) / 6;
        var end = (before + bytes.Length) * 8 / 6;
        return Convert.ToBase64String(padded)[first..end];
    }
}
