using System.Text;

namespace Fairlead.Gateway.Files;

/// <summary>Files that are there whole or not at all, whenever the writer is killed.</summary>
internal static class WholeFile
{
    private const string Unfinished = ".new";

    /// <summary>True for what a writer left that was killed.</summary>
    public static bool IsUnfinished(string path) => path.EndsWith(Unfinished, StringComparison.Ordinal);

    /// <summary>Writes a file in place of the one that was there. It belongs to whom the directory belongs to, also when root writes it.</summary>
    public static void Write(string path, string text, UnixFileMode mode)
    {
        var temporary = path + Unfinished;
        File.Delete(temporary);
        using (var file = new FileStream(temporary, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = mode }))
        {
            file.Write(Encoding.UTF8.GetBytes(text));
            file.Flush(flushToDisk: true);
        }

        FileOwner.Copy(Path.GetDirectoryName(path)!, temporary);
        File.Move(temporary, path, overwrite: true);
    }

    /// <summary>Overwrites a file, then removes it. Who has it open, or a link to it, has nothing; what a disk or its snapshots keep is beyond us.</summary>
    public static void Destroy(string path)
    {
        // A link is not what it leads to: as root, that could be anybody's.
        if (new FileInfo(path).LinkTarget is not null)
        {
            File.Delete(path);
            return;
        }

        using (var file = new FileStream(path, FileMode.Open, FileAccess.Write))
        {
            file.Write(new byte[file.Length]);
            file.Flush(flushToDisk: true);
            file.SetLength(0);
        }

        File.Delete(path);
    }
}
