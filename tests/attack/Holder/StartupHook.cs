using System.Runtime.InteropServices;

/// <summary>What DOTNET_STARTUP_HOOKS and the diagnostics port load into a process: it brings spy.c along.</summary>
internal static class StartupHook
{
    public static void Initialize() => NativeLibrary.Load(Path.Combine(Path.GetDirectoryName(typeof(StartupHook).Assembly.Location)!, "spy.so"));
}
