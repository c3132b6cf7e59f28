using System.ComponentModel;
using System.Diagnostics;
using System.Text;

namespace Fairlead.Gateway.Credentials;

/// <summary>
/// A program that writes a secret to standard output, as the tools of secret stores do. What it says on standard error is not shown: it may hold the secret.
/// </summary>
/// <param name="name">The secret's name.</param>
/// <param name="command">The program, and its arguments.</param>
/// <param name="hiddenVariables">Variables of our environment that it does not get: those with other secrets.</param>
/// <param name="freshness">How long a value is used.</param>
/// <param name="time">The clock.</param>
internal sealed class SecretCommand(string name, IReadOnlyList<string> command, IReadOnlyList<string> hiddenVariables, Freshness freshness, TimeProvider time)
{
    /// <summary>How long it may take: 10 s.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    private const int MaxBytes = 64 * 1024;

    /// <exception cref="CredentialException">It fails, or what it gives is no secret.</exception>
    public async Task<FetchedSecret.Kept> FetchAsync(CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Limit);
        var began = time.GetUtcNow();
        return freshness.Keep(name, Encoding.UTF8.GetString(await RunAsync(limit.Token)), command[0], began);
    }

    private async Task<byte[]> RunAsync(CancellationToken limit)
    {
        using var process = Start();
        try
        {
            process.StandardInput.Close();
            var errors = process.StandardError.BaseStream.CopyToAsync(Stream.Null, limit);
            var bytes = new byte[MaxBytes + 1];
            var length = await process.StandardOutput.BaseStream.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, limit).AsTask().WaitAsync(limit);
            if (length > MaxBytes) throw new CredentialException($"{command[0]} gave more than {MaxBytes} bytes");
            // A child of the program may keep the pipes open after it: the limit holds for that, too.
            await Task.WhenAll(errors, process.WaitForExitAsync(limit)).WaitAsync(limit);
            return process.ExitCode == 0 ? bytes[..length] : throw new CredentialException($"{command[0]} ended with {process.ExitCode}");
        }
        catch (OperationCanceledException e)
        {
            throw new CredentialException($"{command[0]} did not end within {Limit.TotalSeconds} s", e);
        }
        catch (IOException e)
        {
            throw new CredentialException($"{command[0]} broke off: {e.Message}", e);
        }
        finally
        {
            End(process);
        }
    }

    private Process Start()
    {
        var start = new ProcessStartInfo(command[0], command.Skip(1)) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var variable in hiddenVariables) start.Environment.Remove(variable);
        try
        {
            return Process.Start(start)!;
        }
        catch (Exception e) when (e is Win32Exception or IOException)
        {
            throw new CredentialException($"{command[0]} cannot be started: {e.Message}", e);
        }
    }

    private static void End(Process process)
    {
        try
        {
            if (!process.HasExited) process.Kill(entireProcessTree: true);
        }
        catch (Exception e) when (e is InvalidOperationException or Win32Exception)
        {
            // It ended just now.
        }
    }
}
