using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Fairlead.Relay.Startup;

/// <summary>Reads files that others have put where we look: a link to a device or a pipe in their place must neither hold the start up nor feed it for ever.</summary>
internal static class PlainFile
{
    /// <summary>The text of a regular file; links are followed.</summary>
    /// <param name="path">Where it is.</param>
    /// <param name="maxBytes">A file that is larger counts as none.</param>
    /// <returns>Null when there is no such file or it cannot be read.</returns>
    public static string? TryRead(string path, int maxBytes)
    {
        var descriptor = LibC.Open(path, LibC.OpenReadOnly | LibC.OpenCloseOnExec | LibC.OpenNonBlocking, 0);
        if (descriptor < 0) return null;
        using var file = new SafeFileHandle(descriptor, ownsHandle: true);
        if (!FileStatus.Of(file).IsRegularFile) return null;
        try
        {
            var bytes = new byte[Math.Min(RandomAccess.GetLength(file), maxBytes) + 1];
            var length = 0;
            for (int read = 1; read > 0 && length < bytes.Length; length += read) read = RandomAccess.Read(file, bytes.AsSpan(length), length);
            return length > maxBytes ? null : Encoding.UTF8.GetString(bytes, 0, length);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
