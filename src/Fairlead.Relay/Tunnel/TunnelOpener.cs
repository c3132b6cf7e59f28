using System.Security.Cryptography;
using Fairlead.Wire;

namespace Fairlead.Relay.Tunnel;

/// <summary>
/// Opens tunnels to a gateway that restarts, through an ingress that cuts, over a network that flaps: what may pass is tried again until the limit, with
/// pauses that grow and are drawn by lot, so that the relays of many containers do not come back all at once. What will not pass is told at once.
/// </summary>
/// <param name="dialer">The way to the gateway.</param>
/// <param name="limit">For everything, all attempts and pauses included.</param>
/// <param name="time">The clock of limit and pauses.</param>
internal sealed class TunnelOpener(GatewayDialer dialer, TimeSpan limit, TimeProvider time)
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);

    /// <summary>The version of the gateway that opened the last tunnel, where it says so; else null.</summary>
    public string? GatewayVersion => dialer.GatewayVersion;

    /// <summary>Opens one tunnel.</summary>
    /// <param name="token">The session's token, as bytes.</param>
    /// <param name="stopping">Gives up.</param>
    /// <returns>The tunnel, or what failed last and how often it was tried.</returns>
    /// <exception cref="OperationCanceledException">The relay stops.</exception>
    public async Task<(TunnelStream? Tunnel, OpenFailure? Failure)> OpenAsync(ReadOnlyMemory<byte> token, CancellationToken stopping)
    {
        var began = time.GetTimestamp();
        using var timeout = new CancellationTokenSource(limit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, stopping);
        DialException? last = null;
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return (await dialer.OpenTunnelAsync(token, either.Token), null);
            }
            catch (DialException e)
            {
                last = e;
            }
            catch (OperationCanceledException) when (!stopping.IsCancellationRequested)
            {
                var before = last is null ? "" : $" (attempt {attempt}; the one before: {last.Message})";
                return (null, new OpenFailure(NoticeKind.Timeout, $"the gateway did not open a tunnel within {limit.TotalSeconds} s{before}"));
            }

            var pause = PauseAfter(attempt, last);
            if (!last.MayPass || pause >= limit - time.GetElapsedTime(began)) return (null, Describe(last, attempt, time.GetElapsedTime(began)));
            await Task.Delay(pause, time, stopping);
        }
    }

    // "Full jitter": any moment up to the pause, which doubles.
    private static TimeSpan PauseAfter(int attempt, DialException e)
    {
        var longest = Math.Min(FirstPause.TotalMilliseconds * Math.Pow(2, attempt - 1), LongestPause.TotalMilliseconds);
        return (e.RetryAfter ?? TimeSpan.Zero) + TimeSpan.FromMilliseconds(RandomNumberGenerator.GetInt32(1, (int)longest + 1));
    }

    private static OpenFailure Describe(DialException e, int attempts, TimeSpan elapsed)
    {
        var asked = e.MayPass && e.RetryAfter is { } wait ? $"; it asks to be left alone for {wait.TotalSeconds} s" : "";
        var tried = attempts == 1 ? "" : $" (tried {attempts} times in {elapsed.TotalSeconds:0.0} s)";
        return new OpenFailure(e.Kind, e.Message + asked + tried);
    }
}

/// <summary>Why there is no tunnel.</summary>
/// <param name="Kind">Which hop it was.</param>
/// <param name="Problem">What came last, without a full stop.</param>
internal sealed record OpenFailure(NoticeKind Kind, string Problem);
