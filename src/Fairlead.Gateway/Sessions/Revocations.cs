using Fairlead.Gateway.Files;

namespace Fairlead.Gateway.Sessions;

/// <summary>The file of revoked sessions: an id of a session or a token on each line. What stands behind a blank is for people, and so is a line that begins with '#'.</summary>
internal static class Revocations
{
    /// <summary>Reads it. One that is not there revokes nobody.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static IReadOnlySet<string> Read(string path)
    {
        if (Directory.Exists(path)) throw new IOException($"expected a file, {path} is a directory");
        if (!File.Exists(path)) return new HashSet<string>();
        return File.ReadLines(path).Select(line => line.Split(' ', '\t')[0]).Where(id => id.Length > 0 && !id.StartsWith('#')).ToHashSet();
    }

    /// <summary>Adds an id, durably, before this returns.</summary>
    /// <param name="path">The file.</param>
    /// <param name="id">Whom.</param>
    /// <param name="when">When, for people.</param>
    /// <exception cref="IOException">It cannot be written.</exception>
    public static void Add(string path, string id, DateTimeOffset when)
    {
        if (id.Length == 0 || id.StartsWith('#') || id.Any(c => c is <= ' ' or > '~')) throw new InvalidDataException($"expected the id of a session or a token in visible ASCII, got '{Wire.HostPort.Printable(id)}'");
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        var isNew = !File.Exists(path);
        // Appended in one write: a reader sees the line whole, or not yet; two who revoke at once lose nothing.
        using var file = new FileStream(path, new FileStreamOptions { Mode = FileMode.Append, Access = FileAccess.Write, Share = FileShare.ReadWrite, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite, BufferSize = 0 });
        var isTorn = file.Length > 0 && !EndsInLineBreak(path);
        file.Write(System.Text.Encoding.ASCII.GetBytes($"{(isTorn ? "\n" : "")}{id} # {when:u}\n"));
        file.Flush(flushToDisk: true);
        // Whoever revokes, the gateway's user must read it.
        if (isNew) FileOwner.Copy(Path.GetDirectoryName(path)!, path);
    }

    private static bool EndsInLineBreak(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        file.Seek(-1, SeekOrigin.End);
        return file.ReadByte() == '\n';
    }
}
