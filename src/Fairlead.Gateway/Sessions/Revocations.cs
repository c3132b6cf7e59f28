namespace Fairlead.Gateway.Sessions;

/// <summary>The file of revoked sessions: an id of a session or a token on each line; what stands behind a blank or a '#' is for people.</summary>
internal static class Revocations
{
    /// <summary>Reads it. One that is not there revokes nobody.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static IReadOnlySet<string> Read(string path)
    {
        if (Directory.Exists(path)) throw new IOException($"expected a file, {path} is a directory");
        if (!File.Exists(path)) return new HashSet<string>();
        return File.ReadLines(path).Select(line => line.Split(' ', '\t', '#')[0]).Where(id => id.Length > 0).ToHashSet();
    }

    /// <summary>Adds an id, durably, before this returns.</summary>
    /// <param name="path">The file.</param>
    /// <param name="id">Whom.</param>
    /// <param name="when">When, for people.</param>
    /// <exception cref="IOException">It cannot be written.</exception>
    public static void Add(string path, string id, DateTimeOffset when)
    {
        if (id.Length == 0 || id.Any(c => c is <= ' ' or > '~' or '#')) throw new InvalidDataException($"expected the id of a session or a token in visible ASCII, got '{Wire.HostPort.Printable(id)}'");
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        // Appended in one write: a reader sees the line whole, or not yet; two who revoke at once lose nothing.
        using var file = new FileStream(path, new FileStreamOptions { Mode = FileMode.Append, Access = FileAccess.Write, Share = FileShare.ReadWrite, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite, BufferSize = 0 });
        var isTorn = file.Length > 0 && !EndsInLineBreak(path);
        file.Write(System.Text.Encoding.ASCII.GetBytes($"{(isTorn ? "\n" : "")}{id} # {when:u}\n"));
        file.Flush(flushToDisk: true);
    }

    private static bool EndsInLineBreak(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        file.Seek(-1, SeekOrigin.End);
        return file.ReadByte() == '\n';
    }
}
