using System.Runtime.InteropServices;

namespace Fairlead.Relay;

/// <summary>Children that have ended and that nobody has waited for. Constants are those of Linux.</summary>
internal static unsafe partial class DeadChildren
{
    private const int AllChildren = 0;
    private const int NoHang = 1;
    private const int Exited = 4;
    private const int NoWait = 0x01000000;

    // siginfo_t: | int signal | int error | int code | (padding) | int pid | ... ; the part behind the first three is aligned like a pointer.
    private static readonly int PidOffset = sizeof(nint) == 8 ? 16 : 12;

    /// <summary>The process id of one of them, which stays as it is; 0 when there is none.</summary>
    public static int First()
    {
        var info = stackalloc byte[128];
        new Span<byte>(info, 128).Clear();
        return WaitId(AllChildren, 0, info, Exited | NoHang | NoWait) == 0 ? *(int*)(info + PidOffset) : 0;
    }

    /// <summary>Takes its exit code, which nobody wants, so that it leaves the process table.</summary>
    public static void Bury(int processId) => _ = WaitPid(processId, out _, NoHang);

    [LibraryImport("libc", EntryPoint = "waitid", SetLastError = true)]
    private static partial int WaitId(int kind, uint id, byte* info, int options);

    [LibraryImport("libc", EntryPoint = "waitpid", SetLastError = true)]
    private static partial int WaitPid(int processId, out int status, int options);
}
