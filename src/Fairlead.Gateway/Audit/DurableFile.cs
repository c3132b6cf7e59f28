using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Fairlead.Gateway.Audit;

/// <summary>A file with one writer, which appends and knows what is on the disk.</summary>
internal sealed class DurableFile : IDisposable
{
    private const int OpenDirectory = 0x10000; // O_DIRECTORY | O_RDONLY
    private const int Interrupted = 4; // EINTR

    private readonly FileStream _file;
    private long _length;
    private bool _hasLeftOver;

    private DurableFile(FileStream file)
    {
        _file = file;
        _length = file.Length;
    }

    public string Path => _file.Name;

    /// <summary>Where the next append begins.</summary>
    public long Length => _length;

    /// <summary>Opens a file for appending, and makes it (0600) and its directory when they are not there.</summary>
    /// <exception cref="IOException">The file cannot be opened for writing, or another gateway writes to it.</exception>
    public static DurableFile Open(string path)
    {
        if (System.IO.Path.GetDirectoryName(path) is { Length: > 0 } directory)
            Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var isNew = !File.Exists(path);
        var file = new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.OpenOrCreate,
            Access = FileAccess.ReadWrite,
            Share = FileShare.Read,
            BufferSize = 0, // what was written is with the kernel
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
        try
        {
            // FileShare keeps no second writer out on Unix, and two would write over each other's lines. Readers do not ask for this lock.
            // It is the process's, and goes with the first descriptor of this file that the process closes: nobody else here may open it.
            file.Lock(0, 0);
        }
        catch (IOException e)
        {
            file.Dispose();
            throw new IOException($"expected to be the only writer of the audit file {path}; does another gateway use it? {e.Message}", e);
        }

        if (isNew) SyncDirectoryOf(path);
        return new DurableFile(file);
    }

    /// <summary>The last bytes of the file.</summary>
    public byte[] ReadEnd(int most)
    {
        var bytes = new byte[Math.Min(most, _length)];
        var from = _length - bytes.Length;
        for (var read = 0; read < bytes.Length;)
        {
            var count = RandomAccess.Read(_file.SafeFileHandle, bytes.AsSpan(read), from + read);
            if (count == 0) throw new IOException($"{Path}: it got shorter while it was read");
            read += count;
        }

        return bytes;
    }

    /// <returns>False when somebody else had changed the length: the bytes are behind whatever is there now.</returns>
    /// <exception cref="IOException">Nothing was appended.</exception>
    public bool Append(ReadOnlySpan<byte> bytes)
    {
        var found = RandomAccess.GetLength(_file.SafeFileHandle);
        var isAsLeft = found == _length;
        if (!isAsLeft && _hasLeftOver) RandomAccess.SetLength(_file.SafeFileHandle, _length);
        else _length = found;
        isAsLeft |= _hasLeftOver;
        _hasLeftOver = true;
        RandomAccess.Write(_file.SafeFileHandle, bytes, _length);
        _length += bytes.Length;
        _hasLeftOver = false;
        return isAsLeft;
    }

    /// <summary>Waits until all that was appended is on the disk.</summary>
    /// <exception cref="IOException">It is not.</exception>
    public void Sync()
    {
        while (Fdatasync(_file.SafeFileHandle) != 0)
        {
            if (Marshal.GetLastPInvokeError() != Interrupted) throw new IOException($"{Path}: fdatasync: {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }

    /// <summary>Takes back what was appended behind a length. What cannot be taken back now, the next append overwrites.</summary>
    public void Undo(long length)
    {
        _length = length;
        _hasLeftOver = true;
        RandomAccess.SetLength(_file.SafeFileHandle, length);
        _hasLeftOver = false;
    }

    public void Dispose() => _file.Dispose();

    /// <summary>Puts a small file in place of another, whole or not at all.</summary>
    public static void Replace(string path, ReadOnlySpan<byte> bytes, UnixFileMode mode)
    {
        var unfinished = path + ".new";
        File.Delete(unfinished);
        using (var file = new FileStream(unfinished, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = mode }))
        {
            file.Write(bytes);
            file.Flush(flushToDisk: true);
        }

        File.Move(unfinished, path, overwrite: true);
    }

    // A new name is on the disk when its directory is.
    private static void SyncDirectoryOf(string path)
    {
        using var directory = OpenPath(System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path))!, OpenDirectory);
        if (directory.IsInvalid || Fsync(directory) != 0) throw new IOException($"the directory of {path}: {Marshal.GetLastPInvokeErrorMessage()}");
    }

    [DllImport("libc", EntryPoint = "open", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern SafeFileHandle OpenPath([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags);

    [DllImport("libc", EntryPoint = "fsync", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Fsync(SafeFileHandle file);

    [DllImport("libc", EntryPoint = "fdatasync", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Fdatasync(SafeFileHandle file);
}
