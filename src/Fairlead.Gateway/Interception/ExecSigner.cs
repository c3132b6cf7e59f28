using System.ComponentModel;
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using Fairlead.Wire;

namespace Fairlead.Gateway.Interception;

/// <summary>
/// Signs by a program, so that the key of the root is never in the gateway: the program gets the bytes on standard input and writes the signature, DER, to
/// standard output. It is run once for each leaf; nothing that it says is believed before it was verified.
/// </summary>
/// <param name="command">The program, and its arguments.</param>
/// <param name="wantsDigest">True when it is given the SHA-256 digest, as what signs raw ECDSA expects.</param>
/// <param name="rootKey">The public key of the root.</param>
/// <param name="hiddenVariables">Variables of our environment that it does not get.</param>
/// <param name="time">The clock of the limit.</param>
[SuppressMessage("Design", "CA1001", Justification = "It lives as long as the gateway; a semaphore whose wait handle nobody takes holds nothing.")]
internal sealed class ExecSigner(IReadOnlyList<string> command, bool wantsDigest, ECDsa rootKey, IReadOnlyList<string> hiddenVariables, TimeProvider time) : IRootSigner
{
    /// <summary>How long a signature may take, the wait for a turn included: 5 s.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);

    // A device signs one thing after another anyway; a workload that asks for many hosts must not start as many programs.
    private const int AtOnce = 8;

    // An ECDSA signature of the largest curve in use (P-521) has 139 bytes.
    private const int MaxSignatureBytes = 1024;
    private const int MaxErrorBytes = 4 * 1024;
    private const int ShownErrorCharacters = 200;

    private readonly SemaphoreSlim _turns = new(AtOnce);

    public async Task<byte[]> SignAsync(byte[] toBeSigned)
    {
        using var limit = new CancellationTokenSource(Limit, time);
        try
        {
            await _turns.WaitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            throw new SigningException($"was busy with {AtOnce} others for {Limit.TotalSeconds} s");
        }

        try
        {
            var signature = await RunAsync(wantsDigest ? SHA256.HashData(toBeSigned) : toBeSigned, limit.Token);
            return IsSignature(toBeSigned, signature) ? signature : throw new SigningException($"gave {signature.Length} bytes that are no signature by the key of the CA's certificate");
        }
        finally
        {
            _turns.Release();
        }
    }

    private async Task<byte[]> RunAsync(byte[] input, CancellationToken limit)
    {
        using var process = Start();
        try
        {
            var output = ReadAsync(process.StandardOutput.BaseStream, MaxSignatureBytes, limit);
            var errors = ReadAsync(process.StandardError.BaseStream, MaxErrorBytes, limit);
            await FeedAsync(process, input, limit);
            // A child of the program may keep the pipes open after it: the limit holds for that, too.
            await Task.WhenAll(output, errors, process.WaitForExitAsync(limit)).WaitAsync(limit);
            if (process.ExitCode != 0) throw new SigningException($"ended with {process.ExitCode}{Shown(await errors)}");
            return await output is { Length: <= MaxSignatureBytes } signature ? signature : throw new SigningException($"gave more than {MaxSignatureBytes} bytes");
        }
        catch (OperationCanceledException)
        {
            throw new SigningException($"gave no signature within {Limit.TotalSeconds} s");
        }
        catch (IOException e)
        {
            throw new SigningException($"broke off: {e.Message}", e);
        }
        finally
        {
            End(process);
        }
    }

    private Process Start()
    {
        var start = new ProcessStartInfo(command[0], command.Skip(1)) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var name in hiddenVariables) start.Environment.Remove(name);
        try
        {
            return Process.Start(start)!;
        }
        catch (Exception e) when (e is Win32Exception or IOException)
        {
            throw new SigningException($"cannot be started: {e.Message}", e);
        }
    }

    private static async Task FeedAsync(Process process, byte[] input, CancellationToken limit)
    {
        try
        {
            await process.StandardInput.BaseStream.WriteAsync(input, limit);
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It ended without reading: its exit code says more.
        }
    }

    // One byte more than may come tells too much; the rest is read and dropped, so that the program is not stuck in a write.
    private static async Task<byte[]> ReadAsync(Stream stream, int most, CancellationToken limit)
    {
        var bytes = new byte[most + 1];
        var length = await stream.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, limit);
        if (length == bytes.Length) await stream.CopyToAsync(Stream.Null, limit);
        return bytes[..length];
    }

    private bool IsSignature(byte[] toBeSigned, byte[] signature)
    {
        try
        {
            return rootKey.VerifyData(toBeSigned, signature, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);
        }
        catch (CryptographicException)
        {
            return false;
        }
    }

    private static string Shown(byte[] errors)
    {
        var text = System.Text.Encoding.UTF8.GetString(errors).Trim();
        return text.Length == 0 ? "" : $": {HostPort.Printable(text.Length > ShownErrorCharacters ? text[..ShownErrorCharacters] + "…" : text)}";
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
