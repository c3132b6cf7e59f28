using System.Diagnostics;

namespace Fairlead.Tests.Relay;

/// <summary>The program itself, as a user starts it.</summary>
internal sealed class FairleadProcess : IAsyncDisposable
{
    private static readonly string[] Unshare = ["--pid", "--fork", "--kill-child", "--mount-proc", "--"];
    private readonly Process _process = new();

    private FairleadProcess(string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string> environment, string home)
    {
        _process.StartInfo = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        _process.StartInfo.Environment.Clear();
        _process.StartInfo.Environment["PATH"] = Environment.GetEnvironmentVariable("PATH");
        _process.StartInfo.Environment["HOME"] = home;
        if (Environment.GetEnvironmentVariable("DOTNET_ROOT") is { } root) _process.StartInfo.Environment["DOTNET_ROOT"] = root;
        foreach (var (name, value) in environment) _process.StartInfo.Environment[name] = value;
        _process.Start();
    }

    private static string Program => Path.Combine(AppContext.BaseDirectory, "fairlead");

    /// <summary>True where this user may make a namespace in which a program is process 1.</summary>
    public static bool CanBeInit { get; } = TryUnshare();

    public int Id => _process.Id;

    public StreamReader Output => _process.StandardOutput;

    public StreamReader Errors => _process.StandardError;

    public static FairleadProcess Start(IEnumerable<string> arguments, IReadOnlyDictionary<string, string> environment, string home) => new(Program, arguments, environment, home);

    /// <summary>As process 1 of a namespace of its own, which ends with it.</summary>
    public static FairleadProcess StartAsInit(IEnumerable<string> arguments, IReadOnlyDictionary<string, string> environment, string home) =>
        new("unshare", [.. Unshare, Program, .. arguments], environment, home);

    /// <summary>Runs to the end.</summary>
    public static async Task<(int ExitCode, string Output, string Errors)> RunAsync(IEnumerable<string> arguments, IReadOnlyDictionary<string, string> environment, string home)
    {
        await using var fairlead = Start(arguments, environment, home);
        var output = fairlead.Output.ReadToEndAsync(Limits.Token);
        var errors = fairlead.Errors.ReadToEndAsync(Limits.Token);
        return (await fairlead.WaitAsync(), await output, await errors);
    }

    public async Task SignalAsync(string name)
    {
        // What `unshare --fork` started is what is meant, where it is between.
        var children = await File.ReadAllTextAsync($"/proc/{Id}/task/{Id}/children", Limits.Token);
        var target = _process.StartInfo.FileName == "unshare" ? children.Trim() : Id.ToString(System.Globalization.CultureInfo.InvariantCulture);
        using var kill = Process.Start("kill", ["-s", name, target]);
        await kill.WaitForExitAsync(Limits.Token);
    }

    public async Task<int> WaitAsync()
    {
        await _process.WaitForExitAsync(Limits.Token);
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private static bool TryUnshare()
    {
        using var unshare = Process.Start(new ProcessStartInfo("unshare", [.. Unshare, "true"]) { RedirectStandardError = true })!;
        unshare.WaitForExit();
        return unshare.ExitCode == 0;
    }
}
