namespace Fairlead.Gateway.Audit;

/// <summary>What is captured of requests, an object of JSON a line, beside the file with their records, which hold the hashes. It is made when there is something to keep.</summary>
/// <param name="audit">The file that is written.</param>
internal sealed class CaptureFile(string audit) : IDisposable
{
    private readonly string _path = AuditFiles.CapturesOf(audit);
    private DurableFile? _file;

    /// <summary>How long it is, as far as this gateway wrote to it.</summary>
    public long Length => _file?.Length ?? 0;

    /// <summary>Appends entries: all of them, or none.</summary>
    /// <exception cref="IOException">None was.</exception>
    public void Append(IEnumerable<byte[]> entries)
    {
        using var lines = new MemoryStream();
        if (_file is null)
        {
            _file = DurableFile.Open(_path);
            // A crash may have torn the last one; what is half is not glued to what is next.
            if (_file.Length > 0) lines.WriteByte((byte)'\n');
        }

        foreach (var entry in entries)
        {
            lines.Write(entry);
            lines.WriteByte((byte)'\n');
        }

        var length = _file.Length;
        try
        {
            _ = _file.Append(lines.GetBuffer().AsSpan(0, (int)lines.Length));
        }
        catch (IOException)
        {
            _file.Undo(length);
            throw;
        }
    }

    /// <summary>Goes with the file beside it, before it. Killed between the two, the next start has the same name for that one.</summary>
    public void Close(string closedAudit)
    {
        _file?.Dispose();
        _file = null;
        Move(_path, closedAudit);
    }

    /// <summary>Gives captures, if there are any, the name that belongs to a closed file.</summary>
    public static void Move(string captures, string closedAudit)
    {
        if (File.Exists(captures)) File.Move(captures, AuditFiles.CapturesOf(closedAudit), overwrite: false);
    }

    public void Dispose() => _file?.Dispose();
}
