using System.Runtime.InteropServices;

namespace Fairlead.Relay.Startup;

/// <summary>What the kernel says about a file. The default is that of nothing: neither file nor link.</summary>
/// <param name="Mode">Type and permissions, as st_mode has them.</param>
/// <param name="Owner">The user it belongs to.</param>
/// <param name="Links">How many names it has.</param>
internal readonly record struct FileStatus(int Mode, uint Owner, uint Links)
{
    private const int TypeMask = 0xf000;
    private const int Regular = 0x8000;
    private const int SymbolicLink = 0xa000;
    private const int OthersMayRead = 0b000_100_100;
    private const int OthersMayWrite = 0b000_010_010;

    /// <summary>A regular file: no directory, device, pipe or socket.</summary>
    public bool IsRegularFile => (Mode & TypeMask) == Regular;

    /// <summary>A symbolic link, whether or not it leads anywhere.</summary>
    public bool IsSymbolicLink => (Mode & TypeMask) == SymbolicLink;

    /// <summary>Somebody beside the owner may read it.</summary>
    public bool IsReadableByOthers => (Mode & OthersMayRead) != 0;

    /// <summary>Somebody beside the owner may change it.</summary>
    public bool IsWritableByOthers => (Mode & OthersMayWrite) != 0;

    /// <summary>The permissions as chmod takes them: 0600.</summary>
    public string Permissions => Convert.ToString(Mode & 0xfff, 8).PadLeft(4, '0');

    /// <summary>The status of an open file: nobody can put another one in its place meanwhile.</summary>
    public static FileStatus Of(SafeHandle file) => LibC.Status((int)file.DangerousGetHandle(), "", LibC.AtEmptyPath);

    /// <summary>The status of the path itself, not of what it may point at.</summary>
    public static FileStatus Of(string path) => LibC.Status(LibC.AtCurrentDirectory, path, LibC.AtSymlinkNoFollow);
}
