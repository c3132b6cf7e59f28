using Fairlead.Relay.Startup;

namespace Fairlead.Relay.Trust;

/// <summary>Reads what many formats have in common (INI, TOML, properties, YAML, JSON, rc files): sections, and lines that begin with a name.</summary>
internal static class ConfigFiles
{
    private const int MaxBytes = 1024 * 1024;

    /// <summary>The files that are there.</summary>
    /// <param name="pattern">As <see cref="ConflictRule.Files"/> has it.</param>
    /// <param name="facts">Home and variables.</param>
    public static IEnumerable<string> Matching(string pattern, TrustFacts facts)
    {
        if (Expand(pattern, facts) is not { } path) return [];
        var name = Path.GetFileName(path);
        if (!name.Contains('*', StringComparison.Ordinal)) return File.Exists(path) ? [path] : [];
        try
        {
            return Directory.Exists(Path.GetDirectoryName(path)) ? Directory.GetFiles(Path.GetDirectoryName(path)!, name).Order(StringComparer.Ordinal) : [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    /// <summary>The settings of a file; none when it cannot be read.</summary>
    public static IEnumerable<ConfigSetting> Read(string path) => PlainFile.TryRead(path, MaxBytes) is { } text ? Parse(text.Split('\n')) : [];

    /// <summary>The settings in lines.</summary>
    public static IEnumerable<ConfigSetting> Parse(IEnumerable<string> lines)
    {
        var (section, number, isXmlComment) = ("", 0, false);
        foreach (var line in lines.Select(line => line.Trim()))
        {
            number++;
            isXmlComment |= line.StartsWith("<!--", StringComparison.Ordinal);
            if (isXmlComment)
            {
                isXmlComment = !line.Contains("-->", StringComparison.Ordinal);
                continue;
            }

            if (line.Length == 0 || line[0] is '#' or ';' or '!') continue;
            if (line[0] == '[' && line.IndexOf(']', StringComparison.Ordinal) is > 0 and var end)
            {
                // [http "https://host"] of git, [[name]] of TOML.
                section = $"{line[1..end].Trim('[', ' ').Replace("\"", "", StringComparison.Ordinal).Replace(' ', '.')}.";
                continue;
            }

            // Of XML the element's beginning, without a value, which may be a secret.
            if (line[0] == '<') yield return new ConfigSetting(number, line.Split(" value=")[0].Split('>') is [var element, _, ..] ? $"{element}>" : line.Split(" value=")[0], "");
            else yield return Setting(number, section, line.TrimStart('-', ' '), line);
        }
    }

    private static ConfigSetting Setting(int number, string section, string line, string whole)
    {
        // curl's rc file takes `-x` as well as `--proxy`; one dash is part of a name of one letter.
        if (whole.Length > 1 && whole[0] == '-' && whole[1] is not ('-' or ' ')) line = whole;
        var quoted = line.StartsWith('"');
        var text = quoted ? line[1..] : line;
        var length = 0;
        while (length < text.Length && !EndsName(text, length, quoted)) length++;
        return new ConfigSetting(number, section + text[..length], text[length..].Trim('"', '\'', ' ', '\t', '=', ':', ',', ';'));
    }

    private static bool EndsName(string text, int at, bool isQuoted) => isQuoted
        ? text[at] == '"'
        : text[at] is '=' or ' ' or '\t' || (text[at] == ':' && (at + 1 == text.Length || text[at + 1] is ' ' or '\t'));

    private static string? FullPath(string path)
    {
        try
        {
            return Path.GetFullPath(path);
        }
        catch (IOException)
        {
            // The working directory is gone, and so is what was in it.
            return null;
        }
    }

    private static string? Expand(string pattern, TrustFacts facts)
    {
        if (pattern.StartsWith("~/", StringComparison.Ordinal)) return Path.Combine(facts.Home, pattern[2..]);
        if (!pattern.StartsWith('$')) return FullPath(pattern);
        var (name, rest) = pattern.IndexOf('/', StringComparison.Ordinal) is >= 0 and var slash ? (pattern[1..slash], pattern[slash..]) : (pattern[1..], "");
        return facts.Original(name) is { } value ? value + rest : null;
    }
}
