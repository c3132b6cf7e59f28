using System.Buffers;
using System.Text;

namespace Fairlead.Gateway.Credentials;

/// <summary>Finds the secrets of one request in what comes back, and puts a label in their place. It has no string form.</summary>
internal sealed class Scrubber
{
    // What one character of a form may be written with at most, such as &#x00041; with its '&' escaped once more.
    private const int MostPerCharacter = 16;

    private readonly List<(string Credential, SecretForms Forms)> _secrets = [];
    private readonly ICollection<string> _found;
    private int _least = int.MaxValue;

    private Scrubber(ICollection<string> found) => _found = found;

    /// <summary>As many characters of an end at most are kept back until it is known whether they are the beginning of a secret.</summary>
    public int MostHeld { get; private set; }

    /// <param name="secrets">What to look for.</param>
    /// <param name="found">Gets the name of each credential of which something is found, once.</param>
    /// <returns>Null when there is nothing to look for.</returns>
    public static Scrubber? For(IReadOnlyList<(string Credential, Secret Value)> secrets, ICollection<string> found)
    {
        Scrubber? scrubber = null;
        foreach (var (credential, value) in secrets)
        {
            if (SecretForms.Of(value) is not { } forms) continue;
            scrubber ??= new Scrubber(found);
            scrubber._secrets.Add((credential, forms));
            scrubber._least = Math.Min(scrubber._least, forms.Shortest);
            scrubber.MostHeld = Math.Max(scrubber.MostHeld, forms.Longest * MostPerCharacter);
        }

        return scrubber;
    }

    /// <summary>What stands in place of a credential's secret: <c>[fairlead:redacted:NAME]</c>.</summary>
    public static string LabelOf(string credential) => $"[fairlead:redacted:{string.Concat(credential.Select(c => c is > ' ' and <= '~' ? c : '?'))}]";

    /// <summary>A text that is whole, with labels in place of secrets.</summary>
    public string Clean(string text)
    {
        if (text.Length < _least) return text;
        var bytes = ArrayPool<byte>.Shared.Rent(text.Length);
        // A byte for each character. What is not Latin-1 may become a letter that looks like it, so more may be found, and not less.
        var sightings = Look(bytes.AsSpan(0, Encoding.Latin1.GetBytes(text, bytes)), readsEscapes: true, out _, out _);
        ArrayPool<byte>.Shared.Return(bytes);
        if (sightings.Count == 0) return text;
        var clean = new StringBuilder();
        var end = 0;
        foreach (var sighting in sightings)
        {
            clean.Append(text.AsSpan(end, sighting.Start - end)).Append(LabelOf(sighting.Credential));
            end = sighting.End;
        }

        return clean.Append(text.AsSpan(end)).ToString();
    }

    /// <summary>The places where secrets stand, in order and apart from each other.</summary>
    /// <param name="text">What has come.</param>
    /// <param name="readsEscapes">True where there may be escapes.</param>
    /// <param name="beginning">From here on it may be the beginning of one; the text's length when it is not.</param>
    /// <param name="tellsLittle">True when that beginning tells so little that it may pass when nothing comes next.</param>
    public IReadOnlyList<Sighting> Look(ReadOnlySpan<byte> text, bool readsEscapes, out int beginning, out bool tellsLittle)
    {
        List<Sighting>? all = null;
        tellsLittle = true;
        beginning = Look(text, text, null, null, ref all, ref tellsLittle);
        if (readsEscapes && EscapedText.MayBeIn(text))
        {
            // What is escaped twice, as a URL in JSON is, is read twice.
            using var once = EscapedText.Read(text);
            if (once.HasEscapes || once.Whole.Length < text.Length) beginning = Math.Min(beginning, Look(once.Text, once.Whole, once, null, ref all, ref tellsLittle));
            if (once.HasEscapes)
            {
                using var twice = EscapedText.Read(once.Whole);
                if (twice.HasEscapes || twice.Whole.Length < twice.Text.Length) beginning = Math.Min(beginning, Look(twice.Text, twice.Whole, twice, once, ref all, ref tellsLittle));
            }
        }

        if (all is null) return [];
        var sightings = Merge(all);
        beginning = Math.Max(beginning, sightings[^1].End);
        foreach (var name in sightings.Select(s => s.Credential).Except(_found).ToList()) _found.Add(name);
        return sightings;
    }

    public override string ToString() => "***";

    private int Look(ReadOnlySpan<byte> text, ReadOnlySpan<byte> whole, EscapedText? reading, EscapedText? before, ref List<Sighting>? all, ref bool tellsLittle)
    {
        var beginning = whole.Length;
        foreach (var (credential, forms) in _secrets)
        {
            for (var from = 0; forms.TryFind(text, from, out var start, out var end); from = end)
                (all ??= []).Add(new Sighting(SourceOf(start, reading, before), SourceOf(end, reading, before), credential));
            beginning = Math.Min(beginning, forms.FindBeginning(whole, out var little));
            tellsLittle &= little;
        }

        return SourceOf(beginning, reading, before);
    }

    private static int SourceOf(int index, EscapedText? reading, EscapedText? before)
    {
        if (reading is not null) index = reading.SourceOf(index);
        return before?.SourceOf(index) ?? index;
    }

    private static List<Sighting> Merge(List<Sighting> all)
    {
        var merged = new List<Sighting>();
        foreach (var sighting in all.OrderBy(s => s.Start).ThenByDescending(s => s.End))
        {
            if (merged is [.., var last] && sighting.Start < last.End) merged[^1] = last with { End = Math.Max(last.End, sighting.End) };
            else merged.Add(sighting);
        }

        return merged;
    }
}
