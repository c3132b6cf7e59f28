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

    /// <summary>How often some bytes stand in what the program may write to. Root may look, whatever the program forbids to others.</summary>
    public static int Count(RunningProgram program, ReadOnlySpan<byte> wanted)
    {
        using var memory = File.OpenHandle($"/proc/{program.Id}/mem");
        var block = new byte[1 << 20];
        var count = 0;
        foreach (var region in File.ReadLines($"/proc/{program.Id}/maps").Select(line => line.Split(' ', '-')).Where(fields => fields[2].StartsWith("rw", StringComparison.Ordinal)))
        {
            var (start, end) = (long.Parse(region[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture), long.Parse(region[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture));
            for (var at = start; at < end; at += block.Length - wanted.Length + 1) count += CountIn(memory, at, block.AsSpan(0, (int)Math.Min(block.Length, end - at)), wanted);
        }

        return count;
    }

    private static int CountIn(Microsoft.Win32.SafeHandles.SafeFileHandle memory, long at, Span<byte> block, ReadOnlySpan<byte> wanted)
    {
        try
        {
            return ((ReadOnlySpan<byte>)block[..RandomAccess.Read(memory, block, at)]).Count(wanted);
        }
        catch (IOException)
        {
            return 0; // A region that went away meanwhile.
        }
    }

    private static long Kibibytes(string[] lines, string name) => long.Parse(
        lines.Single(l => l.StartsWith(name, StringComparison.Ordinal))[name.Length..].Replace("kB", "", StringComparison.Ordinal).Trim(), CultureInfo.InvariantCulture);
}
