using System.Diagnostics;

namespace Fairlead.Tests.Gateway;

/// <summary>A disk of 64 KiB that can be filled. It takes root to mount one; without, the test is skipped.</summary>
internal sealed class SmallDisk : IAsyncDisposable
{
    private SmallDisk(string root) => Root = root;

    public string Root { get; }

    public static async Task<SmallDisk> MountAsync(string folder)
    {
        Directory.CreateDirectory(folder);
        if (!await RunAsync("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder)) Assert.Skip("a disk can be mounted by root only");
        return new SmallDisk(folder);
    }

    /// <summary>Leaves no page free.</summary>
    public void Fill()
    {
        try
        {
            using var file = new FileStream(Path.Combine(Root, "filler"), FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
            while (true) file.Write(new byte[4096]);
        }
        catch (IOException)
        {
            // It is full, as it should be.
        }
    }

    public void Empty() => File.Delete(Path.Combine(Root, "filler"));

    public async ValueTask DisposeAsync() => Assert.True(await RunAsync("umount", Root));

    private static async Task<bool> RunAsync(params string[] command)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(command[0], command[1..]) { RedirectStandardError = true })!;
            await process.WaitForExitAsync(Limits.Token);
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
