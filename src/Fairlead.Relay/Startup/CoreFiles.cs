using System.Runtime.InteropServices;

namespace Fairlead.Relay.Startup;

/// <summary>
/// No crash of this process leaves a file with the token in it. Limits are inherited, and a lowered hard limit cannot be raised again: while a command is still
/// to be started, only the soft one is lowered, and the command gets back what it would have had.
/// </summary>
internal static class CoreFiles
{
    private static ResourceLimit? s_original;

    /// <summary>Forbids core files until <see cref="Restore"/>.</summary>
    /// <returns>Null, or why it could not be done; the relay runs all the same.</returns>
    public static string? Forbid()
    {
        s_original ??= LibC.CoreLimit;
        return s_original is { } original ? Set(original with { Soft = 0 }) : Problem(Marshal.GetLastPInvokeError());
    }

    /// <summary>Forbids them for good, also for whatever is started from now on.</summary>
    /// <returns>Null, or why it could not be done; the relay runs all the same.</returns>
    public static string? ForbidForGood() => Set(default);

    /// <summary>Gives the next program that is started the limit that we were given. <see cref="LibC.ForbidDumping"/> goes on keeping us from leaving a core file.</summary>
    public static void Restore()
    {
        if (s_original is { } original) _ = LibC.SetCoreLimit(original);
    }

    private static string? Set(ResourceLimit limit) => LibC.SetCoreLimit(limit) is var error and not 0 ? Problem(error) : null;

    private static string Problem(int error) =>
        $"RLIMIT_CORE could not be set to 0 ({Marshal.GetPInvokeErrorMessage(error)}); a crash may leave a file with the session token. Set it before the start (ulimit -c 0).";
}
