using System.Globalization;

namespace Fairlead.EndToEnd.Harness;

/// <summary>What the kernel says about a program's memory.</summary>
internal sealed record ProcessMemory(long ResidentBytes, long PeakBytes)
{
    public static ProcessMemory Of(RunningProgram program)
    {
        var lines = File.ReadAllLines($"/proc/{program.Id}/status");
        return new ProcessMemory(Kibibytes(lines, "VmRSS:") * 1024, Kibibytes(lines, "VmHWM:") * 1024);
    }

    private static long Kibibytes(string[] lines, string name) => long.Parse(
        lines.Single(l => l.StartsWith(name, StringComparison.Ordinal))[name.Length..].Replace("kB", "", StringComparison.Ordinal).Trim(), CultureInfo.InvariantCulture);
}
