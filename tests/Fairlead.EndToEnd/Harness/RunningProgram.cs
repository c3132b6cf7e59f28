using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Fairlead.EndToEnd.Harness;

/// <summary>A program that a test started. Disposing ends it and what it started.</summary>
internal sealed class RunningProgram : IAsyncDisposable
{
    private const int SigTerm = 15;
    private readonly Process _process;
    private readonly Task _pumps;

    private RunningProgram(Process process)
    {
        _process = process;
        _pumps = Task.WhenAll(Stdout.PumpAsync(process.StandardOutput.BaseStream), Stderr.PumpAsync(process.StandardError.BaseStream));
    }

    public ProgramOutput Stdout { get; } = new();

    public ProgramOutput Stderr { get; } = new();

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    public Stream Stdin => _process.StandardInput.BaseStream;

    /// <summary>Starts a program with exactly this environment.</summary>
    public static RunningProgram Start(string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string> environment, string folder)
    {
        var start = new ProcessStartInfo(program)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = folder,
        };
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        start.Environment.Clear();
        foreach (var (name, value) in environment) start.Environment[name] = value;
        var process = Process.Start(start) ?? throw new InvalidOperationException($"expected {program} to start");
        return new RunningProgram(process);
    }

    public async Task<ToolResult> WaitAsync(CancellationToken cancellationToken)
    {
        try
        {
            await _process.WaitForExitAsync(cancellationToken);
            await _pumps.WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"{Describe()} did not end within {Limits.Test}.\nstdout:\n{Stdout.Text}\nstderr:\n{Stderr.Text}");
        }

        return new ToolResult(Describe(), _process.ExitCode, Stdout.Bytes, Stderr.Text);
    }

    public void Terminate()
    {
        if (!_process.HasExited) Marshal.ThrowExceptionForHR(Kill(_process.Id, SigTerm));
    }

    public void Kill() => _process.Kill();

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync(CancellationToken.None);
        _process.Dispose();
    }

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Kill(int process, int signal);

    private string Describe() => $"{Path.GetFileName(_process.StartInfo.FileName)} {string.Join(' ', _process.StartInfo.ArgumentList)}";
}
