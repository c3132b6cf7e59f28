using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.RedTeam.Stage;

/// <summary>A workload that writes what it likes.</summary>
internal static class Attacker
{
    /// <summary>How many cases are tried at once.</summary>
    public const int AtOnce = 32;

    // An answer begins within the first, or is not to be expected; it is over after the second. Too short for one that comes late would fail the cases that must be served.
    private static readonly TimeSpan s_first = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan s_silence = TimeSpan.FromMilliseconds(400);

    public static Task ForEachAsync<T>(IEnumerable<T> cases, Func<T, Task> attack) => Parallel.ForEachAsync(
        cases, new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = Limits.Token() }, async (one, _) => await attack(one));

    /// <summary>Opens a tunnel, and TLS in it for a name and protocol of the attacker's choice.</summary>
    /// <returns>Null when either was refused.</returns>
    public static async Task<SslStream?> OpenAsync(RelayProcess relay, string target, string? serverName, params SslApplicationProtocol[] protocols)
    {
        var stream = await TunnelSocket.OpenAsync(relay, Limits.Token());
        await stream.WriteAsync(TunnelSocket.Connect(target), Limits.Token());
        var head = await TunnelSocket.ReadHeadAsync(stream, Limits.Token());
        if (head.StartsWith("HTTP/1.1 200 ", StringComparison.Ordinal))
        {
            // An attacker does not care who answers.
            var tls = new SslStream(stream, leaveInnerStreamOpen: false, (_, certificate, _, _) => certificate is not null);
            try
            {
                await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = serverName ?? "", ApplicationProtocols = [.. protocols] }, Limits.Token());
                return tls;
            }
            catch (Exception e) when (e is IOException or System.Security.Authentication.AuthenticationException)
            {
                await tls.DisposeAsync();
                return null;
            }
        }

        await stream.DisposeAsync();
        return null;
    }

    /// <summary>Sends bytes, and reads until nothing more comes.</summary>
    /// <returns>What came, Latin-1.</returns>
    public static async Task<string> SendAsync(Stream stream, params byte[][] parts)
    {
        var answer = "";
        foreach (var part in parts)
        {
            try
            {
                await stream.WriteAsync(part, Limits.Token());
            }
            catch (IOException)
            {
                // Refused before all was sent.
            }

            answer += await ListenAsync(stream);
        }

        return answer;
    }

    /// <summary>Reads until nothing more comes.</summary>
    /// <param name="stream">Where from.</param>
    /// <param name="silence">For how long nothing, also before the first byte; default: what an answer without pauses needs.</param>
    public static async Task<string> ListenAsync(Stream stream, TimeSpan? silence = null)
    {
        var answer = new StringBuilder();
        var buffer = new byte[16 * 1024];
        try
        {
            using var limit = new CancellationTokenSource(silence ?? s_first);
            while (true)
            {
                var bytes = await stream.ReadAsync(buffer, limit.Token);
                if (bytes == 0) break;
                answer.Append(Encoding.Latin1.GetString(buffer, 0, bytes));
                limit.CancelAfter(silence ?? s_silence);
            }
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or SocketException)
        {
            // Cut, or silent.
        }

        return answer.ToString();
    }
}
