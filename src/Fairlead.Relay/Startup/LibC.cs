using System.Runtime.InteropServices;

namespace Fairlead.Relay.Startup;

/// <summary>The few calls of the C library that .NET has no door to. Constants are those of Linux.</summary>
internal static unsafe partial class LibC
{
    public const int OpenReadOnly = 0;
    public const int OpenWriteOnly = 1;
    public const int OpenNonBlocking = 0x800;
    public const int OpenCloseOnExec = 0x80000;
    public const int NoSuchFile = 2;
    public const int TooManySymlinks = 40;
    public const int MayExecute = 1;
    public const int AtEmptyPath = 0x1000;
    public const int AtSymlinkNoFollow = 0x100;
    public const int AtCurrentDirectory = -100;

    private const int SignalBrokenPipe = 13;
    private const int PrSetDumpable = 4;
    private const int PrGetDumpable = 3;
    private const int PrSetChildSubreaper = 36;
    private const int LimitCore = 4;
    private const uint StatxBasic = 0x7ff;

    /// <summary>Refuses a symbolic link as the last part of the path. Its value is one of the few that differ between processors.</summary>
    public static int OpenNoFollow => RuntimeInformation.ProcessArchitecture is Architecture.Arm64 or Architecture.Arm ? 0x8000 : 0x20000;

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Open(string path, int flags, uint mode);

    [LibraryImport("libc", EntryPoint = "mkdir", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MakeDirectory(string path, uint mode);

    public static int SetEnvironment(string name, string value) => SetEnvironment(name, value, overwrite: 1);

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironment(string name, string value, int overwrite);

    [LibraryImport("libc", EntryPoint = "unsetenv", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int UnsetEnvironment(string name);

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    public static partial int Kill(int processId, int signal);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    public static partial nint Write(int descriptor, ReadOnlySpan<byte> bytes, nuint count);

    /// <summary>An anonymous file in memory that a program keeps over exec.</summary>
    [LibraryImport("libc", EntryPoint = "memfd_create", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MemoryFileCreate(string name, uint flags);

    [LibraryImport("libc", EntryPoint = "execve", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int ExecuteProgram(string path, nint* arguments, nint* environment);

    [LibraryImport("libc", EntryPoint = "signal", SetLastError = true)]
    private static partial nint Signal(int signal, nint handler);

    [LibraryImport("libc", EntryPoint = "access", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Access(string path, int mode);

    /// <summary>Makes a directory that was not there, mode 0700; .NET takes one that is there, or a link to one, for its own.</summary>
    /// <exception cref="IOException">It is there, or cannot be made.</exception>
    public static void MakeDirectory(string path)
    {
        if (MakeDirectory(path, 0x1c0) != 0) throw new IOException($"{path}: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");
    }

    public static int MemoryFile(string name) => MemoryFileCreate(name, 0);

    /// <summary>Puts a program in this one's place. Returns only when that failed.</summary>
    /// <param name="path">The program.</param>
    /// <param name="arguments">Pointers to texts that end in 0, and a 0.</param>
    /// <param name="environment">Likewise.</param>
    /// <returns>The error.</returns>
    public static int Execute(string path, nint[] arguments, nint[] environment)
    {
        fixed (nint* a = arguments)
        fixed (nint* e = environment)
        {
            _ = ExecuteProgram(path, a, e);
            return Marshal.GetLastPInvokeError();
        }
    }

    /// <summary>Undoes, or does again, what .NET does to SIGPIPE at its start. A signal that is ignored stays so over fork and exec: a child would miss it.</summary>
    public static void IgnoreBrokenPipe(bool isIgnored) => Signal(SignalBrokenPipe, isIgnored ? 1 : 0);

    /// <summary>Forbids other processes of the same user to read this one's memory, or to attach to it.</summary>
    /// <returns>0, or the error.</returns>
    public static int ForbidDumping() => Prctl(PrSetDumpable, 0, 0, 0, 0) == 0 ? 0 : Marshal.GetLastPInvokeError();

    /// <summary>True when other processes of the same user may read this one's memory.</summary>
    public static bool IsDumpable => Prctl(PrGetDumpable, 0, 0, 0, 0) != 0;

    /// <summary>Makes orphans of our command's our own children, so that they stay below us in the tree of processes.</summary>
    /// <returns>0, or the error.</returns>
    public static int AdoptOrphans() => Prctl(PrSetChildSubreaper, 1, 0, 0, 0) == 0 ? 0 : Marshal.GetLastPInvokeError();

    /// <summary>The largest core file that a crash may leave: what holds now, and the most that it may be raised to. Null when it cannot be seen.</summary>
    public static ResourceLimit? CoreLimit => GetLimit(LimitCore, out var limit) == 0 ? limit : null;

    /// <summary>Sets that limit.</summary>
    /// <returns>0, or the error.</returns>
    public static int SetCoreLimit(ResourceLimit limit) => SetLimit(LimitCore, in limit) == 0 ? 0 : Marshal.GetLastPInvokeError();

    /// <summary>Keeps the pages of a pinned array in memory.</summary>
    /// <returns>0, or the error.</returns>
    public static int LockInMemory(ReadOnlySpan<byte> pinned)
    {
        fixed (byte* start = pinned)
        {
            return MemoryLock(start, (nuint)pinned.Length) == 0 ? 0 : Marshal.GetLastPInvokeError();
        }
    }

    /// <summary>What a path or an open file is; the default when it cannot be seen.</summary>
    public static FileStatus Status(int directory, string path, int flags)
    {
        // struct statx is laid out alike on every processor, unlike struct stat: | 16 bytes | u32 links | u32 owner | u32 group | u16 mode | ...
        var status = stackalloc byte[256];
        return Statx(directory, path, flags, StatxBasic, status) == 0
            ? new FileStatus(*(ushort*)(status + 28), *(uint*)(status + 20), *(uint*)(status + 16))
            : default;
    }

    /// <summary>The user whose rights this process has.</summary>
    [LibraryImport("libc", EntryPoint = "geteuid")]
    public static partial uint EffectiveUser();

    // struct rlimit, of unsigned longs: 64 bits wide wherever this program is built for.
    [LibraryImport("libc", EntryPoint = "getrlimit", SetLastError = true)]
    private static partial int GetLimit(int resource, out ResourceLimit limit);

    [LibraryImport("libc", EntryPoint = "setrlimit", SetLastError = true)]
    private static partial int SetLimit(int resource, in ResourceLimit limit);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Statx(int directory, string path, int flags, uint mask, byte* status);

    [LibraryImport("libc", EntryPoint = "mlock", SetLastError = true)]
    private static partial int MemoryLock(byte* start, nuint length);

    [LibraryImport("libc", EntryPoint = "prctl", SetLastError = true)]
    private static partial int Prctl(int option, nuint value, nuint unused3, nuint unused4, nuint unused5);
}
