namespace Fairlead.Gateway.Audit;

/// <summary>The file that is written, one after the other. Between two of them there is none, and the next append makes it.</summary>
internal sealed class RotatingFile(DurableFile first) : IDisposable
{
    private DurableFile? _active = first;

    public string Path { get; } = first.Path;

    /// <summary>Where the next append begins.</summary>
    public long Length => _active?.Length ?? 0;

    /// <returns>False when somebody else had changed the length.</returns>
    /// <exception cref="IOException">Nothing was appended.</exception>
    public bool Append(ReadOnlySpan<byte> bytes) => Active().Append(bytes);

    /// <summary>Waits until all that was appended is on the disk.</summary>
    public void Sync() => Active().Sync();

    /// <summary>Takes back what was appended behind a length.</summary>
    public void Undo(long length) => _active?.Undo(length);

    /// <summary>Gives the file the name of a closed one. The name is on the disk before anything behind it: who opens the next file syncs their directory.</summary>
    /// <exception cref="IOException">It could not be renamed, and is still the file that is written.</exception>
    public void Close(string closedName)
    {
        File.Move(Path, closedName, overwrite: false);
        _active?.Dispose();
        _active = null;
    }

    public void Dispose() => _active?.Dispose();

    private DurableFile Active()
    {
        if (_active is not null) return _active;
        var next = DurableFile.Open(Path);
        if (next.Length > 0)
        {
            next.Dispose();
            throw new IOException($"expected no file {Path} after the one before it was closed: somebody else made it");
        }

        return _active = next;
    }
}
