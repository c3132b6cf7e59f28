using System.Globalization;
using YamlDotNet.Core;

namespace Fairlead.Gateway.Configuration;

/// <summary>Collects what is wrong, so that one look at the output mends it all.</summary>
internal sealed class ConfigErrors(string file)
{
    private readonly List<(long Line, long Column, string Text)> _errors = [];

    public void Add(Mark at, string text) => _errors.Add((at.Line, at.Column, text));

    /// <exception cref="ConfigException">Something is wrong.</exception>
    public void ThrowIfAny()
    {
        if (_errors.Count == 0) return;
        throw new ConfigException(string.Join('\n', _errors
            .OrderBy(e => e.Line).ThenBy(e => e.Column)
            .Select(e => string.Create(CultureInfo.InvariantCulture, $"{file}:{e.Line}:{e.Column}: {e.Text}"))));
    }

    /// <summary>The known word that is nearest to what was written, by the number of edits.</summary>
    public static string Nearest(string word, IEnumerable<string> known) => known.MinBy(k => Distance(word, k)) ?? "";

    private static int Distance(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var cost = Math.Min(Math.Min(row[j] + 1, row[j - 1] + 1), diagonal + (a[i - 1] == b[j - 1] ? 0 : 1));
                (diagonal, row[j]) = (row[j], cost);
            }
        }

        return row[^1];
    }
}
