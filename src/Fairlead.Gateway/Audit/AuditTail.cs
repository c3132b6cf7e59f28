namespace Fairlead.Gateway.Audit;

/// <summary>Reads an audit behind a record, on and on, over its files. A file that is closed or renamed meanwhile is read to its end.</summary>
/// <param name="active">The file that is written.</param>
/// <param name="after">The number of the record before the first that is read.</param>
internal sealed class AuditTail(string active, long after) : IDisposable
{
    private const int MostBytes = 1024 * 1024;

    private FileStream? _file;
    private byte[] _buffer = new byte[64 * 1024];
    private int _begin;
    private int _end;
    private long _last = after;
    private long _opened;

    /// <summary>The next records.</summary>
    /// <param name="upTo">The number of the last one that may be read: behind it, lines may still be taken back.</param>
    /// <param name="most">How many at most.</param>
    /// <returns>Empty when there is none.</returns>
    public IReadOnlyList<(AuditLine Line, byte[] Bytes)> Read(long upTo, int most)
    {
        var lines = new List<(AuditLine, byte[])>();
        for (var bytes = 0; _last < upTo && lines.Count < most && bytes < MostBytes;)
        {
            if (!TryTake(out var line))
            {
                // Whoever has read to the end of a file, and has not read all, finds the rest in the next one.
                if (Refill() || OpenNext()) continue;
                break;
            }

            if (AuditLine.SeqOf(line) <= _last || !AuditLine.TryParse(line, out var record) || record.Seq <= _last) continue;
            if (record.Seq > upTo)
            {
                _begin -= line.Length + 1;
                break;
            }

            _last = record.Seq;
            bytes += line.Length;
            lines.Add((record, line));
        }

        Forget();
        return lines;
    }

    public void Dispose() => _file?.Dispose();

    private bool TryTake(out byte[] line)
    {
        line = [];
        var length = _buffer.AsSpan(_begin, _end - _begin).IndexOf((byte)'\n');
        if (length < 0) return false;
        line = _buffer.AsSpan(_begin, length).ToArray();
        _begin += length + 1;
        return true;
    }

    private bool Refill()
    {
        if (_file is null) return false;
        _buffer.AsSpan(_begin, _end - _begin).CopyTo(_buffer);
        (_begin, _end) = (0, _end - _begin);
        if (_end == _buffer.Length) Array.Resize(ref _buffer, _buffer.Length * 2);
        var count = _file.Read(_buffer, _end, _buffer.Length - _end);
        _end += count;
        return count > 0;
    }

    // What is behind the last record that may be read can still be taken back, and be something else later.
    private void Forget()
    {
        _file?.Seek(_begin - _end, SeekOrigin.Current);
        (_begin, _end) = (0, 0);
    }

    private bool OpenNext()
    {
        var next = NextClosed();
        // Renamed since: its name as a closed file comes next.
        if (next is null && _file is not null && IsOpen(active)) return false;
        try
        {
            var file = AuditFiles.Open(next?.Path ?? active);
            // Closed between the look and the opening: what was opened is behind that one, or is it.
            if (next is null && (next = NextClosed()) is { } missed)
            {
                file.Dispose();
                file = AuditFiles.Open(missed.Path);
            }

            _file?.Dispose();
            (_file, _begin, _end) = (file, 0, 0);
            _opened = Math.Max(_opened, next?.LastSeq ?? 0);
            return true;
        }
        catch (FileNotFoundException)
        {
            return false; // between two files, or deleted just now
        }
    }

    // What its name says may not be in it, and it is not opened twice.
    private (string Path, long LastSeq)? NextClosed()
    {
        foreach (var file in AuditFiles.ClosedOf(active))
        {
            if (file.LastSeq > Math.Max(_last, _opened)) return file;
        }

        return null;
    }

    // The file behind the name is the one that is open when both have the same length and the same beginning: lines of a chain are never the same twice.
    private bool IsOpen(string path)
    {
        try
        {
            using var named = AuditFiles.Open(path);
            Span<byte> a = stackalloc byte[128], b = stackalloc byte[128];
            var (first, second) = (RandomAccess.Read(named.SafeFileHandle, a, 0), RandomAccess.Read(_file!.SafeFileHandle, b, 0));
            return first == second && a[..first].SequenceEqual(b[..second]);
        }
        catch (FileNotFoundException)
        {
            return false;
        }
    }
}
