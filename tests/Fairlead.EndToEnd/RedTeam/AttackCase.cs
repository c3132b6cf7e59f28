using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Fairlead.EndToEnd.RedTeam;

/// <summary>
/// One case of a corpus. Characters of a field up to U+00FF are bytes; <c>&lt;&lt;N x TEXT&gt;&gt;</c> stands for N times TEXT, and a word in braces for what the stage puts there.
/// </summary>
/// <param name="Name">What it is, unique within its corpus.</param>
/// <param name="Why">Which rule it tries to get around, or which server it would fool.</param>
/// <param name="Number">Its place in the file, from 1.</param>
/// <param name="Fields">What else the file has of it.</param>
internal sealed partial record AttackCase(string Name, string Why, int Number, IReadOnlyDictionary<string, string> Fields)
{
    public string this[string field] => Find(field) ?? throw new InvalidDataException($"case '{Name}': expected a field '{field}'");

    public string? Find(string field) => Fields.TryGetValue(field, out var text) ? Repeated(text) : null;

    /// <summary>The host that is this case's alone, so that whatever arrives there is its doing.</summary>
    public string Host => string.Create(CultureInfo.InvariantCulture, $"c{Number}.red.test");

    /// <summary>A field as bytes, with <c>{HOST}</c> filled in.</summary>
    public byte[] Bytes(string field) => Encoding.Latin1.GetBytes(Filled(field));

    public string Filled(string field) => this[field].Replace("{HOST}", Host, StringComparison.Ordinal);

    private static string Repeated(string text) => Repetition().Replace(
        text, match => new StringBuilder().Insert(0, match.Groups[2].Value, int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture)).ToString());

    [GeneratedRegex("<<([0-9]+) x (.*?)>>", RegexOptions.Singleline)]
    private static partial Regex Repetition();
}
