using System.ComponentModel;
using System.Diagnostics;

namespace Fairlead.Relay.Trust;

/// <summary>Programs that keep a store of certificates.</summary>
internal static class StoreCommand
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    /// <summary>The certificates of a PEM text, one by one: these programs take no more at a time.</summary>
    public static IEnumerable<string> Certificates(string pem)
    {
        const string End = "-----END CERTIFICATE-----";
        return pem.Split(End).SkipLast(1).Select(text => $"{text[text.IndexOf("-----BEGIN", StringComparison.Ordinal)..]}{End}\n");
    }

    /// <summary>Runs it, for up to 60 s.</summary>
    /// <param name="program">Absolute path.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>What it printed, and null or why it failed, without a full stop.</returns>
    public static async Task<(string Output, string? Problem)> RunAsync(string program, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Limit);
        using var process = new Process
        {
            StartInfo = new ProcessStartInfo(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true },
        };
        try
        {
            process.Start();
            process.StandardInput.Close();
            var (output, errors) = (process.StandardOutput.ReadToEndAsync(limit.Token), process.StandardError.ReadToEndAsync(limit.Token));
            await Task.WhenAll(output, errors, process.WaitForExitAsync(limit.Token));
            return (await output, process.ExitCode == 0 ? null : $"{program} ended with {process.ExitCode}: {(await errors).Trim()}");
        }
        catch (Win32Exception e)
        {
            return ("", $"{program} cannot be executed: {e.Message}");
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            cancellationToken.ThrowIfCancellationRequested();
            return ("", $"{program} did not end within {Limit.TotalSeconds:0} s");
        }
    }
}
