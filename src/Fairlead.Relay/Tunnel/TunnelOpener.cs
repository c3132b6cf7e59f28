using System.Security.Cryptography;
using Fairlead.Wire;

namespace Fairlead.Relay.Tunnel;

/// <summary>
/// Opens tunnels to a gateway that restarts, through an ingress that cuts, over a network that flaps: what may pass is tried again until the limit, with
/// pauses that grow and are drawn by lot, so that the relays of many containers do not come back all at once. What will not pass is told at once.
/// Before that, a WebSocket that is ready is asked, where there is one.
/// </summary>
/// <param name="dialer">The way to the gateway.</param>
/// <param name="ready">WebSockets that are open already.</param>
/// <param name="limit">For everything, all attempts and pauses included.</param>
/// <param name="time">The clock of limit and pauses.</param>
internal sealed class TunnelOpener(GatewayDialer dialer, ReadyWebSockets ready, TimeSpan limit, TimeProvider time)
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);

    // A gateway answers at once, since it dials nothing before it has. One that is silent for so long is gone without a word.
    private static readonly TimeSpan LongestAnswer = TimeSpan.FromSeconds(5);

    /// <summary>The version of the gateway that opened the last tunnel, where it says so; else null.</summary>
    public string? GatewayVersion => dialer.GatewayVersion;

    /// <summary>Asks for a tunnel on a WebSocket that is ready.</summary>
    /// <param name="sendConnect">Sends the CONNECT, and nothing else but a ClientHello.</param>
    /// <param name="stopping">Gives up.</param>
    /// <returns>The tunnel and the first chunk of the gateway's answer, valid until the next is read; null when none was ready, or what seemed so was dead: then <see cref="OpenAsync"/> opens one.</returns>
    /// <exception cref="OperationCanceledException">The relay stops.</exception>
    public async Task<(TunnelStream Tunnel, Chunk Answer)?> AskReadyAsync(Func<TunnelStream, CancellationToken, Task> sendConnect, CancellationToken stopping)
    {
        if (ready.TryTake() is not { } socket) return null;
        Chunk? answer = null;
        try
        {
            answer = await socket.AskAsync(sendConnect, limit / 2 < LongestAnswer ? limit / 2 : LongestAnswer, stopping);
            if (answer is { } first) return (socket.Stream, first);
            ready.Distrust();
            return null;
        }
        finally
        {
            if (answer is null) await socket.DisposeAsync();
        }
    }

    /// <summary>Opens one tunnel.</summary>
    /// <param name="token">The session's token, as bytes.</param>
    /// <param name="stopping">Gives up.</param>
    /// <returns>The tunnel, or what failed last and how often it was tried.</returns>
    /// <exception cref="OperationCanceledException">The relay stops.</exception>
    public async Task<(TunnelStream? Tunnel, OpenFailure? Failure)> OpenAsync(ReadOnlyMemory<byte> token, CancellationToken stopping)
    {
        TunnelStream? tunnel = null;
        ready.BeginOpening();
        try
        {
            (tunnel, var failure) = await DialAsync(token, stopping);
            return (tunnel, failure);
        }
        finally
        {
            ready.EndOpening(tunnel);
        }
    }

    /// <summary>A tunnel has got what it needs: what the next may need is opened in the background.</summary>
    public void Prepare() => ready.Refill();

    /// <summary>Keeps the WebSocket of a tunnel that has ended for another one, when the gateway agrees.</summary>
    /// <param name="tunnel">The tunnel, whose data this end has ended. It stays the caller's, who closes it when the result is false.</param>
    /// <param name="stopping">The relay stops.</param>
    public Task<bool> TryKeepAsync(TunnelStream tunnel, CancellationToken stopping) => ready.TryKeepAsync(tunnel, stopping);

    private async Task<(TunnelStream? Tunnel, OpenFailure? Failure)> DialAsync(ReadOnlyMemory<byte> token, CancellationToken stopping)
    {
        var began = time.GetTimestamp();
        using var timeout = new CancellationTokenSource(limit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, stopping);
        DialException? last = null;
        for (var attempt = 1; ; attempt++)
        {
            var started = time.GetTimestamp();
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
                // What was cut off soon after it began is no sign of silence: what the others met says more.
                if (last is not null && time.GetElapsedTime(started) < limit / 2) return (null, Describe(last, attempt, time.GetElapsedTime(began)));

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
