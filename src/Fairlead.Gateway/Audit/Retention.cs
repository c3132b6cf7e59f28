namespace Fairlead.Gateway.Audit;

/// <summary>Chooses the closed files that need not stay. Only what this gateway's key has closed is chosen, the oldest first, and never one behind a file that stays.</summary>
internal sealed class Retention(AuditOptions options, AuditKey key, ILogger logger)
{
    private readonly HashSet<string> _foreign = [];

    /// <summary>A file that need not stay.</summary>
    /// <param name="Path">Its name.</param>
    /// <param name="End">The chain behind its last record.</param>
    /// <param name="IsUnsent">True when a sink does not have it yet, and there is no room to wait longer.</param>
    internal readonly record struct Expired(string Path, AuditChain End, bool IsUnsent);

    /// <summary>Deletes what need not stay.</summary>
    /// <param name="now">The time.</param>
    /// <param name="sent">The last record that every sink has.</param>
    /// <param name="record">Puts on record that a file goes; false when it could not, and the file stays.</param>
    public void Apply(DateTimeOffset now, long sent, Func<byte[], bool> record)
    {
        try
        {
            while (Next(now, sent) is { } file && record(AuditText.Expired(now, file)))
            {
                File.Delete(AuditFiles.CapturesOf(file.Path));
                File.Delete(file.Path);
                if (file.IsUnsent) logger.AuditFileExpiredUnsent(file.Path);
                else logger.AuditFileExpired(file.Path);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            logger.AuditFileStays(options.File, e.Message);
        }
    }

    private Expired? Next(DateTimeOffset now, long sent)
    {
        if (options.Retention.KeepsAll) return null;
        var files = AuditFiles.ClosedOf(options.File);
        if (files.Count == 0 || ReadOwn(files[0].Path) is not var (end, closed)) return null;
        if (!(files.Count > options.Retention.Files) && !(now - closed >= options.Retention.Time)) return null;
        if (end.Seq <= sent) return new Expired(files[0].Path, end, IsUnsent: false);
        return files.Sum(f => LengthOf(f.Path) + LengthOf(AuditFiles.CapturesOf(f.Path))) > options.Retention.Unsent ? new Expired(files[0].Path, end, IsUnsent: true) : null;
    }

    private static long LengthOf(string path) => new FileInfo(path) is { Exists: true } file ? file.Length : 0;

    /// <returns>Its end and when it was closed; null for what is not ours, which stays, and all behind it.</returns>
    private (AuditChain End, DateTimeOffset Closed)? ReadOwn(string path)
    {
        try
        {
            var end = AuditEnd.Of(path);
            if (end is { Last: { } last, Continued: { } checkpoint } && checkpoint.IsBy(key, new AuditChain(last.Seq - 1, last.Prev)) && AuditFiles.ClosedName(options.File, last.Seq, checkpoint.Time) == path)
                return (end.Chain, checkpoint.Time);
        }
        catch (InvalidDataException)
        {
            // Other lines: told below.
        }

        if (_foreign.Add(path)) logger.AuditFileIsForeign(path);
        return null;
    }
}
