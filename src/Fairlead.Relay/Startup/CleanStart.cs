using System.Collections;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Fairlead.Relay.Startup;

/// <summary>
/// Starts the process over, once, with an environment in which nothing loads code into it, traces it, or bends whom it trusts. That is only possible at
/// exec: the runtime's diagnostics port (through which any process of the same user runs its own code in here), profilers and EventPipe are
/// decided before our first line, and so is what the loader preloads. The environment we were given waits in an anonymous file for the child.
/// </summary>
internal static unsafe class CleanStart
{
    // Its value is the number of an inherited descriptor. It names no secret and is no switch: what decides is whether the environment is clean.
    private const string OriginalVariable = "FAIRLEAD_ORIGINAL_ENVIRONMENT_FD";
    private const int MaxEnvironmentBytes = 8 * 1024 * 1024;

    private static readonly string[] RefusedPrefixes = ["DOTNET_", "COMPlus_", "CORECLR_", "CLR_", "LD_", "SSL_CERT_", "OPENSSL_", "MALLOC_", "GLIBC_"];
    private static readonly string[] RefusedNames = ["SSLKEYLOGFILE", "GCONV_PATH", "LOCPATH", "NLSPATH", "RES_OPTIONS", "LOCALDOMAIN", "HOSTALIASES"];

    // What the second start has instead. The first closes the diagnostics port, debugger and profiler; the second is speed: completions of sockets run
    // where they arrive, which halves the relay's CPU.
    private static readonly (string Name, string Value)[] Set = [("DOTNET_EnableDiagnostics", "0"), ("DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS", "1")];

    /// <summary>The environment that this program was given: before it started over, if it did.</summary>
    public static Dictionary<string, string> OriginalEnvironment()
    {
        var own = OwnEnvironment();
        if (!own.TryGetValue(OriginalVariable, out var descriptor) || !int.TryParse(descriptor, out var number) || number < 3 || !IsClean(own)) return own;
        return TryRead(number) ?? own;
    }

    /// <summary>Starts over unless the environment is clean already. Does not return when it did.</summary>
    /// <param name="original">What the child is to get.</param>
    /// <returns>Null when nothing was to be done, or why it could not be; the relay runs all the same.</returns>
    public static string? Ensure(IReadOnlyDictionary<string, string> original)
    {
        var own = OwnEnvironment();
        if (IsClean(own))
        {
            // Compiled ahead of time there was no second start, and what it sets for speed is read when the first socket is made.
            foreach (var (name, value) in Set) Environment.SetEnvironmentVariable(name, value);
            return null;
        }

        if (!OperatingSystem.IsLinux()) return "this system cannot start a program over; other processes of this user can load code into the relay";

        var descriptor = LibC.MemoryFile("fairlead-environment");
        if (descriptor < 0) return Problem("memfd_create");
        using (var file = new SafeFileHandle(descriptor, ownsHandle: true))
        {
            RandomAccess.Write(file, Encode(original), fileOffset: 0);
            var clean = own.Where(v => !IsRefused(v.Key)).Concat(Set.Select(s => KeyValuePair.Create(s.Name, s.Value))).ToDictionary();
            clean[OriginalVariable] = $"{descriptor}";
            // Without it the second start could not find the runtime that the first one found by a variable we drop.
            if (RuntimeFeature.IsDynamicCodeSupported) clean["DOTNET_ROOT"] = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "../../.."));
            RemoveDiagnosticsSocket();
            LibC.IgnoreBrokenPipe(false);
            var error = Exec(File.ReadAllBytes("/proc/self/cmdline"), Encode(clean));
            LibC.IgnoreBrokenPipe(true);
            return $"execve failed ({Marshal.GetPInvokeErrorMessage(error)}); other processes of this user can load code into the relay";
        }
    }

    private static bool IsClean(Dictionary<string, string> environment)
    {
        // DOTNET_ROOT only says where the runtime is, and we are running on it.
        foreach (var name in environment.Keys)
        {
            if (IsRefused(name) && name != "DOTNET_ROOT" && !Set.Contains((name, environment[name]))) return false;
        }

        // A program compiled ahead of time has no diagnostics port to close.
        return !RuntimeFeature.IsDynamicCodeSupported || environment.GetValueOrDefault("DOTNET_EnableDiagnostics") == "0";
    }

    private static bool IsRefused(string name) =>
        RefusedPrefixes.Any(prefix => name.StartsWith(prefix, StringComparison.OrdinalIgnoreCase)) || RefusedNames.Contains(name, StringComparer.OrdinalIgnoreCase);

    private static Dictionary<string, string> OwnEnvironment()
    {
        var environment = new Dictionary<string, string>();
        foreach (DictionaryEntry entry in Environment.GetEnvironmentVariables()) environment[(string)entry.Key] = (string?)entry.Value ?? "";
        return environment;
    }

    // | name=value | 0 | name=value | 0 | ... , as the kernel has it.
    private static byte[] Encode(IReadOnlyDictionary<string, string> environment) =>
        Encoding.UTF8.GetBytes(string.Concat(environment.Select(v => $"{v.Key}={v.Value}\0")));

    private static Dictionary<string, string>? TryRead(int descriptor)
    {
        try
        {
            using var file = new SafeFileHandle(descriptor, ownsHandle: true);
            var length = RandomAccess.GetLength(file);
            if (length is 0 or > MaxEnvironmentBytes) return null;
            var bytes = new byte[length];
            for (var read = 0; read < bytes.Length;)
            {
                var more = RandomAccess.Read(file, bytes.AsSpan(read), read);
                if (more == 0) return null;
                read += more;
            }

            return Encoding.UTF8.GetString(bytes).Split('\0', StringSplitOptions.RemoveEmptyEntries)
                .Select(line => line.Split('=', 2)).Where(parts => parts.Length == 2).ToDictionary(parts => parts[0], parts => parts[1]);
        }
        catch (Exception e) when (e is IOException or NotSupportedException or ArgumentException or UnauthorizedAccessException)
        {
            // The number names something else: the variable was not set by us.
            return null;
        }
    }

    private static void RemoveDiagnosticsSocket()
    {
        // An image may have no /tmp; then there is no socket either.
        if (!Directory.Exists(Path.GetTempPath())) return;
        foreach (var socket in Directory.EnumerateFiles(Path.GetTempPath(), $"dotnet-diagnostic-{Environment.ProcessId}-*-socket"))
        {
            try
            {
                File.Delete(socket);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // The next start does not listen there in any case.
            }
        }
    }

    private static int Exec(byte[] commandLine, byte[] environment)
    {
        fixed (byte* arguments = commandLine)
        fixed (byte* variables = environment)
        {
            return LibC.Execute("/proc/self/exe", Pointers(arguments, commandLine), Pointers(variables, environment));
        }
    }

    private static nint[] Pointers(byte* start, byte[] block)
    {
        var pointers = new List<nint>();
        for (var i = 0; i < block.Length; i++)
        {
            if (i == 0 || block[i - 1] == 0) pointers.Add((nint)(start + i));
        }

        pointers.Add(0);
        return [.. pointers];
    }

    private static string Problem(string call) =>
        $"{call} failed ({Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}); other processes of this user can load code into the relay";
}
