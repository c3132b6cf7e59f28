using System.Runtime.InteropServices;

namespace Fairlead.Gateway.Files;

/// <summary>Whom a file belongs to. An operator who runs a command as root must not leave files that the gateway's user cannot read.</summary>
internal static class FileOwner
{
    private const int AtCurrentDirectory = -100;
    private const uint WantsOwner = 0x18; // STATX_UID | STATX_GID
    private const int UserOffset = 20; // struct statx: stx_uid, then stx_gid
    private const int StatxBytes = 256;

    /// <summary>Gives a file to the owner of another one. Does nothing for who may not: their files are their own already.</summary>
    /// <exception cref="IOException">The kernel refused.</exception>
    public static void Copy(string from, string to)
    {
        if (!Environment.IsPrivilegedProcess) return;
        var status = new byte[StatxBytes];
        if (Statx(AtCurrentDirectory, from, 0, WantsOwner, status) != 0) throw Failed(from);
        var (user, group) = (BitConverter.ToUInt32(status, UserOffset), BitConverter.ToUInt32(status, UserOffset + sizeof(uint)));
        if (Chown(to, user, group) != 0) throw Failed(to);
    }

    private static IOException Failed(string path) => new($"the owner of {path}: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");

    [DllImport("libc", EntryPoint = "statx", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Statx(int directory, [MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags, uint mask, byte[] status);

    [DllImport("libc", EntryPoint = "lchown", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Chown([MarshalAs(UnmanagedType.LPUTF8Str)] string path, uint user, uint group);
}
