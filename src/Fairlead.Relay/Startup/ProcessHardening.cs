using System.Runtime.InteropServices;

namespace Fairlead.Relay.Startup;

/// <summary>What protects the token in this process from other processes of the same user, and our trust from the environment we inherited.</summary>
internal static class ProcessHardening
{
    // OpenSSL and .NET read these: the first two replace whom we trust, the third writes the keys of our connections into a file.
    // We hand SSL_CERT_FILE to children ourselves, so a relay started by one of them inherits it.
    private static readonly string[] VariablesThatBendTls = ["SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"];

    // .NET reads all of the system's roots before it looks for a certificate among others: of a relay's start, two thirds.
    private static readonly string[] VariablesOfRoots = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

    /// <summary>Forgets the inherited variables that would change whom this process trusts. Call before any TLS; the child's environment is captured before.</summary>
    /// <param name="hasRoots">True when this process has roots of its own for all that it connects to: then it has no others, and does not read the system's.</param>
    public static void ForgetInheritedTrust(bool hasRoots)
    {
        foreach (var name in VariablesThatBendTls)
        {
            Environment.SetEnvironmentVariable(name, null);
            // The managed environment is a copy; OpenSSL reads the C library's.
            if (OperatingSystem.IsLinux()) _ = LibC.UnsetEnvironment(name);
        }

        if (!hasRoots || !OperatingSystem.IsLinux()) return;
        foreach (var name in VariablesOfRoots) _ = LibC.SetEnvironment(name, "/dev/null");
    }

    /// <summary>Makes sure that nobody is reading us already: what traces us sees the token whatever we forbid from here on.</summary>
    /// <exception cref="StepException">A process traces this one.</exception>
    public static void RefuseTracer()
    {
        const string Field = "TracerPid:";
        if (!OperatingSystem.IsLinux() || !File.Exists("/proc/self/status")) return;
        var tracer = File.ReadLines("/proc/self/status").FirstOrDefault(line => line.StartsWith(Field, StringComparison.Ordinal))?[Field.Length..].Trim();
        if (tracer is not (null or "0"))
            throw new StepException($"process {tracer} traces the relay and would see the session token", "End the debugger or tracer and start again.");
    }

    /// <summary>True when the program's file may be read by this user, other than root: then its other processes could open our memory until now.</summary>
    public static bool WasReadable => OperatingSystem.IsLinux() && LibC.EffectiveUser() != 0 && LibC.IsDumpable;

    /// <summary>Forbids other processes of this user to read our memory or to attach to us, and core files. Before the token is read.</summary>
    /// <returns>What could not be done; the relay runs all the same.</returns>
    public static IEnumerable<string> ForbidDumping()
    {
        if (!OperatingSystem.IsLinux())
        {
            yield return "this system has no prctl; other processes of this user can read the relay's memory";
            yield break;
        }

        if (LibC.ForbidDumping() is var error and not 0)
            yield return $"prctl(PR_SET_DUMPABLE, 0) failed ({Marshal.GetPInvokeErrorMessage(error)}); other processes of this user can read the relay's memory";
        if (CoreFiles.Forbid() is { } coreFiles) yield return coreFiles;
    }
}
