namespace Fairlead.Gateway.Audit;

/// <summary>The files of an audit as they are at one moment, also while a gateway writes, rotates and deletes.</summary>
internal sealed class AuditReading : IDisposable
{
    // A gateway changes the list now and then, and opening takes no time.
    private const int MostAttempts = 100;

    private AuditReading(IReadOnlyList<(string Name, FileStream Stream)> files, byte[]? head) => (Files, Head) = (files, head);

    /// <summary>The oldest first, at least one. What a gateway adds to the last one is read as well.</summary>
    public IReadOnlyList<(string Name, FileStream Stream)> Files { get; }

    /// <summary>The checkpoint that must be in there; null when there is none, or nobody asked.</summary>
    public byte[]? Head { get; }

    /// <summary>The file that is written, be it there or not.</summary>
    public string Active => AuditFiles.ActiveOf(Files[^1].Name);

    /// <param name="named">As <see cref="AuditFiles.Expand"/> takes them.</param>
    /// <exception cref="IOException">A file is not there, or cannot be read.</exception>
    public static AuditReading Open(IReadOnlyList<string> named) => Open(named, _ => null);

    /// <summary>With the checkpoint that was kept of it.</summary>
    /// <param name="named">As above.</param>
    /// <param name="head">The file of that checkpoint. Null: the one beside the audit, if it is there.</param>
    /// <exception cref="IOException">As above.</exception>
    public static AuditReading OpenWithHead(IReadOnlyList<string> named, string? head) => Open(named, active =>
        head is null && !File.Exists(AuditOptions.HeadOf(active)) ? null : File.ReadAllBytes(head ?? AuditOptions.HeadOf(active)).AsSpan().TrimEnd((byte)'\n').ToArray());

    private static AuditReading Open(IReadOnlyList<string> named, Func<string, byte[]?> headOf)
    {
        for (var attempt = 1; attempt <= MostAttempts; attempt++)
        {
            var names = AuditFiles.Expand(named);
            var files = new List<(string, FileStream)>();
            try
            {
                if (names.Count == 0) throw new FileNotFoundException($"expected audits (*.jsonl) in {string.Join(", ", named)}, found none");
                // Behind the list, and before the files: its record is in one of these, neither deleted since nor still to come.
                var head = headOf(AuditFiles.ActiveOf(names[^1]));
                foreach (var name in names) files.Add((name, AuditFiles.Open(name)));
                // A file that was closed or deleted meanwhile would be missing, or twice in the list: what is open stays as it is now.
                if (AuditFiles.Expand(named).SequenceEqual(names)) return new AuditReading(files, head);
                Close(files);
            }
            catch (FileNotFoundException) when (!AuditFiles.Expand(named).SequenceEqual(names))
            {
                Close(files);
            }
            catch
            {
                Close(files);
                throw;
            }
        }

        throw new IOException($"expected the list of files in {string.Join(", ", named)} to stay for as long as they are opened; it changed {MostAttempts} times");
    }

    public void Dispose() => Close(Files);

    private static void Close(IEnumerable<(string Name, FileStream Stream)> files)
    {
        foreach (var (_, stream) in files) stream.Dispose();
    }
}
