using System.Globalization;
using System.Text.RegularExpressions;

namespace Fairlead.Gateway.Audit;

/// <summary>
/// The files of an audit by their names: the one that is written, and beside it the closed ones. Their names sort as their records do.
/// <code>
/// audit.jsonl
/// audit-000000012345-20261122T103000Z.jsonl      closed with its record 12345, then
/// </code>
/// </summary>
internal static partial class AuditFiles
{
    /// <summary>How a file is called once it is closed.</summary>
    public static string ClosedName(string active, long lastSeq, DateTimeOffset time) => Path.Combine(
        Path.GetDirectoryName(active)!,
        string.Create(CultureInfo.InvariantCulture, $"{Path.GetFileNameWithoutExtension(active)}-{lastSeq:d12}-{time.UtcDateTime:yyyyMMdd'T'HHmmss'Z'}{Path.GetExtension(active)}"));

    /// <summary>The closed files of an audit, the oldest first, by their names alone.</summary>
    public static IReadOnlyList<(string Path, long LastSeq)> ClosedOf(string active)
    {
        var full = Path.GetFullPath(active);
        return [.. Directory.EnumerateFiles(Path.GetDirectoryName(full)!)
            .Where(path => ActiveOf(path) == full && path != full)
            .Select(path => (path, LastSeqOf(path)))
            .OrderBy(file => file.Item2)];
    }

    /// <summary>Where what was captured of a file's requests is.</summary>
    public static string CapturesOf(string path) => path + ".captures";

    /// <summary>The name of the file that is written, of any file of its audit.</summary>
    public static string ActiveOf(string path) => Closed().Match(path) is { Success: true } match ? match.Groups["stem"].Value + match.Groups["extension"].Value : path;

    /// <summary>What somebody means who names files: a directory is the audits (*.jsonl) in it, the file that is written is all of its audit, a closed one itself.</summary>
    /// <returns>The oldest first: those of one audit as their names say, which takes no look into them; those of several by the number of their first record.</returns>
    public static IReadOnlyList<string> Expand(IEnumerable<string> named)
    {
        string[] paths = [.. named.SelectMany(name => Directory.Exists(name) ? Directory.EnumerateFiles(name, "*.jsonl").Order(StringComparer.Ordinal) : WithClosed(name)).DistinctBy(Path.GetFullPath)];
        var isOne = paths.DistinctBy(path => Path.GetFullPath(ActiveOf(path))).Count() <= 1;
        return [.. paths.OrderBy(path => isOne ? LastSeqOf(path) : FirstOf(path)?.Seq ?? (ActiveOf(path) == path ? long.MaxValue : 0))];
    }

    /// <summary>The first record of a file; null when it has none.</summary>
    public static AuditLine? FirstOf(string path)
    {
        try
        {
            using var file = Open(path);
            // A torn first line is behind no record, and before the one that marks it.
            return AuditLine.Read(file).Take(2).Select(line => AuditLine.TryParse(line.Bytes, out var first) ? first : null).FirstOrDefault(first => first is not null);
        }
        catch (FileNotFoundException)
        {
            return null; // what cannot be opened is told when it is read
        }
    }

    /// <summary>Opens a file beside a gateway that writes, renames or deletes it.</summary>
    public static FileStream Open(string path) => new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);

    // What its name says; the file that is written is behind all others.
    private static long LastSeqOf(string path) => Closed().Match(path) is { Success: true } match ? long.Parse(match.Groups["seq"].ValueSpan, CultureInfo.InvariantCulture) : long.MaxValue;

    private static IEnumerable<string> WithClosed(string name)
    {
        var (full, folder) = (Path.GetFullPath(name), Path.GetDirectoryName(name)!);
        if (ActiveOf(full) == full && Directory.Exists(Path.GetDirectoryName(full)))
        {
            var closed = ClosedOf(full);
            foreach (var (path, _) in closed) yield return Path.Combine(folder, Path.GetFileName(path));
            // Between two files there is none.
            if (closed.Count > 0 && !File.Exists(full)) yield break;
        }

        yield return name;
    }

    [GeneratedRegex(@"^(?<stem>.*)-(?<seq>[0-9]{12,18})-[0-9]{8}T[0-9]{6}Z(?<extension>\.[^./]*)?$", RegexOptions.Singleline | RegexOptions.ExplicitCapture)]
    private static partial Regex Closed();
}
