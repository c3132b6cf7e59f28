using System.Runtime.InteropServices;

namespace Fairlead.Relay;

/// <summary>Gives the system back what the start-up has used and nothing uses any more: certificates and stores that were read, made and written.</summary>
internal static partial class SpareMemory
{
    /// <summary>Called once, when the start is over. Costs some milliseconds and saves as many MiB.</summary>
    public static void GiveBack()
    {
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        try
        {
            _ = Trim(0);
        }
        catch (EntryPointNotFoundException)
        {
            // A C library other than glibc.
        }
    }

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Trim(nuint kept);
}
