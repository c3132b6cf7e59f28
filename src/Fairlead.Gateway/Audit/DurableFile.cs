using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Fairlead.Gateway.Audit;

/// <summary>A file with one writer, which appends and knows what is on the disk.</summary>
internal sealed class DurableFile : IDisposable
{
    private const int OpenDirectory = 0x10000; // O_DIRECTORY | O_RDONLY
    private const int Interrupted = 4; // EINTR
    private const int SetLock = 37; // F_OFD_SETLK
    private const short WriteLock = 1; // F_WRLCK

    private const int LockTries = 10;

    private static readonly TimeSpan LockPause = TimeSpan.FromMilliseconds(20);

    private readonly FileStream _file;
    private long _length;
    private bool _hasLeftOver;

    private DurableFile(FileStream file)
    {
        _file = file;
        _length = file.Length;
    }

    public string Path => _file.Name;

    public SafeFileHandle Handle => _file.SafeFileHandle;

    /// <summary>Where the next append begins.</summary>
    public long Length => _length;

    /// <summary>Opens a file for appending, and makes it (0600) and its directory when they are not there.</summary>
    /// <exception cref="IOException">The file cannot be opened for writing, or another gateway writes to it.</exception>
    public static DurableFile Open(string path)
    {
        if (System.IO.Path.GetDirectoryName(path) is { Length: > 0 } directory)
            Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var file = new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.OpenOrCreate,
            Access = FileAccess.ReadWrite,
            Share = FileShare.Read,
            BufferSize = 0, // what was written is with the kernel
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
        // FileShare keeps no second writer out on Unix, and two would write over each other's lines. Readers do not ask for this lock.
        // It belongs to this descriptor: others of the same process may open and close the file as they like.
        var wholeFile = new FileLock { Type = WriteLock };
        // A program that is just being started shares the descriptor that was there before, until it is itself.
        using var pause = new ManualResetEventSlim();
        for (var tries = 0; Fcntl(file.SafeFileHandle, SetLock, ref wholeFile) != 0; tries++)
        {
            if (tries < LockTries)
            {
                pause.Wait(LockPause);
                continue;
            }

            var why = Marshal.GetLastPInvokeErrorMessage();
            file.Dispose();
            throw new IOException($"expected to be the only writer of the audit file {path}; does another gateway use it? {why}");
        }

        try
        {
            // Also of one that was made before, and whose name was not on the disk when its maker was killed, or failed.
            if (file.Length == 0) SyncDirectoryOf(path);
            return new DurableFile(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
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

    /// <summary>A new name is on the disk when its directory is.</summary>
    public static void SyncDirectoryOf(string path)
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

    [DllImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Fcntl(SafeFileHandle file, int command, ref FileLock argument);

    /// <summary>struct flock: from Start, zero bytes for all there are and will be.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct FileLock
    {
        public short Type;
        public short Whence;
        public long Start;
        public long Length;
        public int Process;
    }
}
