using System.ComponentModel;
using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Fairlead.Relay.Startup;
using Fairlead.Wire;

namespace Fairlead.Relay;

/// <summary>
/// A gateway on this machine, for one command: started with us, told a fresh token on its standard input, and ended by that input's end,
/// which comes even if we are killed.
/// </summary>
internal sealed class LocalGateway : IAsyncDisposable
{
    private const int MaxReadyBytes = 64 * 1024;
    private static readonly TimeSpan ReadyLimit = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(10);

    private readonly Process _process;

    private LocalGateway(Process process, LocalGatewayReady ready) => (_process, Ready) = (process, ready);

    public int ProcessId => _process.Id;

    /// <summary>What the gateway said about itself.</summary>
    public LocalGatewayReady Ready { get; }

    /// <summary>Starts the gateway and waits, 15 s at most, until it says that it is ready.</summary>
    /// <param name="configuration">Its configuration file.</param>
    /// <param name="session">The session to be, or null for the configuration's only one.</param>
    /// <param name="token">The token that it will accept.</param>
    /// <param name="environment">Its environment: it needs the secrets that the command must not see.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="StepException">It cannot be started, or did not become ready.</exception>
    public static async Task<LocalGateway> StartAsync(
        string configuration, string? session, SessionToken token, IReadOnlyDictionary<string, string> environment, CancellationToken cancellationToken)
    {
        string[] arguments = ["serve", "--config", configuration, "--local", .. session is null ? Array.Empty<string>() : ["--session", session]];
        var process = Start(Find(environment), arguments, environment);
        var isReady = false;
        try
        {
            var ready = await HandshakeAsync(process, token, cancellationToken);
            isReady = true;
            return new LocalGateway(process, ready);
        }
        finally
        {
            if (!isReady) await EndAsync(process);
        }
    }

    /// <summary>Ends the gateway: its input ends, and if it has not left after 10 s it is killed.</summary>
    public async ValueTask DisposeAsync() => await EndAsync(_process);

    private static string Find(IReadOnlyDictionary<string, string> environment)
    {
        const string Name = "fairlead-gateway";
        var path = environment.GetValueOrDefault("PATH");
        var named = environment.GetValueOrDefault("FAIRLEAD_GATEWAY_PROGRAM");
        var found = string.IsNullOrEmpty(named)
            ? CommandLookup.Find(Path.Combine(AppContext.BaseDirectory, Name), path, out _) ?? CommandLookup.Find(Name, path, out _)
            : CommandLookup.Find(named, path, out _);
        return found ?? throw new StepException(
            $"the program {HostPort.Printable(string.IsNullOrEmpty(named) ? Name : named)} was not found", "Install it beside fairlead or on the PATH, or name it in FAIRLEAD_GATEWAY_PROGRAM.");
    }

    private static Process Start(string program, string[] arguments, IReadOnlyDictionary<string, string> environment)
    {
        var start = new ProcessStartInfo(program, arguments) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true };
        start.Environment.Clear();
        foreach (var (name, value) in environment) start.Environment[name] = value;
        // It holds the secrets, and runs as the same user as the command: no door for its code into there.
        start.Environment["DOTNET_EnableDiagnostics"] = "0";
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            throw new StepException($"{HostPort.Printable(program)} cannot be executed: {e.Message}", "Check the file, or name another in FAIRLEAD_GATEWAY_PROGRAM.", e);
        }
    }

    private static async Task<LocalGatewayReady> HandshakeAsync(Process process, SessionToken token, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(ReadyLimit);
        const string Remedy = "What it says above tells why.";
        string? line;
        try
        {
            var input = process.StandardInput.BaseStream;
            await input.WriteAsync(token.Reveal(), limit.Token);
            await input.WriteAsync("\n"u8.ToArray(), limit.Token);
            await input.FlushAsync(limit.Token);
            line = await ReadLineAsync(process.StandardOutput.BaseStream, limit.Token);
        }
        catch (IOException e)
        {
            throw new StepException("the local gateway ended before it was ready", Remedy, e);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new StepException($"the local gateway was not ready within {ReadyLimit.TotalSeconds} s", Remedy);
        }

        if (line is null) throw new StepException("the local gateway ended before it was ready", Remedy);
        try
        {
            var ready = JsonSerializer.Deserialize(line, LocalGatewayJson.Default.LocalGatewayReady);
            if (ready is { Url.Length: > 0, Session.Length: > 0 }) return ready;
        }
        catch (JsonException)
        {
            // Said below, in the same words as for JSON that lacks something.
        }

        throw new StepException("the local gateway's first line is not the JSON that fairlead expects", "Install fairlead and fairlead-gateway of the same version.");
    }

    private static async Task<string?> ReadLineAsync(Stream output, CancellationToken cancellationToken)
    {
        var bytes = new byte[MaxReadyBytes];
        var length = 0;
        while (length < bytes.Length)
        {
            var read = await output.ReadAsync(bytes.AsMemory(length), cancellationToken);
            if (read == 0) return null;
            length += read;
            var end = bytes.AsSpan(0, length).IndexOf((byte)'\n');
            if (end >= 0) return Encoding.UTF8.GetString(bytes, 0, end);
        }

        throw new StepException($"the local gateway's first line is longer than {MaxReadyBytes} bytes", "Install fairlead and fairlead-gateway of the same version.");
    }

    private static async Task EndAsync(Process process)
    {
        using (process)
        {
            try
            {
                process.StandardInput.Close();
            }
            catch (IOException)
            {
                // It has left already.
            }

            using var limit = new CancellationTokenSource(EndLimit);
            try
            {
                await process.WaitForExitAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                process.Kill();
                await process.WaitForExitAsync(CancellationToken.None);
            }
        }
    }
}
