using System.Buffers;
using System.Net.Sockets;
using Fairlead.Wire;

namespace Fairlead.Relay.Tunnel;

/// <summary>
/// Moves bytes between a tool and its tunnel, both ways at once, until both directions have ended. A slow reader pushes back: nothing is read from one
/// side while the other does not take it. A direction holds a buffer only while it has bytes in hand.
/// </summary>
/// <param name="tool">One end.</param>
/// <param name="tunnel">The other.</param>
/// <param name="told">How many bytes of an answer to its CONNECT the tool has from the relay already; 0 when it is to get the gateway's.</param>
/// <param name="idleLimit">How long neither direction may carry a byte, keepalives not counted, before the tunnel is cut.</param>
/// <param name="time">The clock of all limits.</param>
internal sealed class TunnelPump(Socket tool, TunnelStream tunnel, int told, TimeSpan idleLimit, TimeProvider time)
{
    // How long a gateway that knows no half-close may go on sending after our close frame.
    private static readonly TimeSpan LegacyCloseLimit = TimeSpan.FromSeconds(10);

    // The gateway may have said its last words before our write to it failed.
    private static readonly TimeSpan LastWordsLimit = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan CloseLimit = TimeSpan.FromSeconds(2);

    // The gateway answers CONNECT when it has decided, and dialled if it must; one that says nothing for so long hangs.
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(60);

    // How often is looked whether bytes have moved: one timer for a tunnel's whole life, nothing for each byte.
    private const int IdleChecks = 8;

    private PumpEnd _up;
    private PumpEnd _down;
    private bool _toolBroke;

    /// <summary>Bytes that the tool has got.</summary>
    public long BytesToTool { get; private set; } = told;

    /// <summary>True when the tool's connection broke.</summary>
    public bool ToolLeft => _toolBroke;

    /// <summary>True when the tool got all that the gateway had for it, and nothing broke.</summary>
    public bool IsWhole => _down == PumpEnd.Whole && !_toolBroke;

    /// <summary>For the log: how the tunnel ended.</summary>
    public string Outcome { get; private set; } = "ended";

    /// <summary>Is told what the gateway answered CONNECT before the tool has it; null for a tunnel that is established.</summary>
    public required Action<ConnectRefusal?> Answered { get; init; }

    /// <summary>The first chunk of the gateway's answer, when it was read already; valid until the tunnel is read. Default: null.</summary>
    public Chunk? First { get; init; }

    /// <summary>True when the gateway was done with the tunnel, or the tool had ended its upload; and nothing but the tool's leaving before the gateway's last words ended the other direction.</summary>
    public bool MayBeKept => (_up == PumpEnd.Whole || tunnel.IsPeerDone) && (_down is PumpEnd.Whole or PumpEnd.ToolBroke) && !WasRefused;

    /// <summary>True when the gateway gave an answer to CONNECT, whatever it was.</summary>
    public bool WasAnswered { get; private set; }

    /// <summary>True when the gateway answered something else than 200.</summary>
    public bool WasRefused { get; private set; }

    /// <summary>True when it was cut since nothing moved.</summary>
    public bool WasIdle { get; private set; }

    /// <summary>The state of a pump whose tunnel broke before it could run.</summary>
    public static TunnelPump BrokenAtOnce(Socket tool, TunnelStream tunnel, int told, TimeProvider time, string problem) =>
        new(tool, tunnel, told, Timeout.InfiniteTimeSpan, time) { Answered = _ => { }, _up = PumpEnd.TunnelBroke, _down = PumpEnd.TunnelBroke, Outcome = problem };

    /// <summary>Runs until both directions have ended. Never throws.</summary>
    /// <param name="stopping">Cuts both.</param>
    public async Task RunAsync(CancellationToken stopping)
    {
        using var cut = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        await using var watch = WatchForIdling(cut);
        var up = PumpUpAsync(cut.Token);
        var down = PumpDownAsync(cut.Token);
        await Task.WhenAny(up, down);
        if (down.IsCompleted) await EndUpAsync(up, await down, cut);
        else EndDownSoon(await up, cut);
        (_up, _down) = (await up, await down);
        if (stopping.IsCancellationRequested) Outcome = "cut: the relay stops";
        else if (WasIdle) Outcome = $"cut: no byte in either direction for {idleLimit.TotalSeconds:0} s";
    }

    // Cut between the limit and an eighth more: a moment's precision would cost a clock reading for every byte.
    private ITimer WatchForIdling(CancellationTokenSource cut)
    {
        var (moved, silentChecks) = (0L, 0);
        var period = idleLimit / IdleChecks;
        return time.CreateTimer(
            _ =>
            {
                var now = tunnel.BytesRead + tunnel.BytesWritten + BytesToTool;
                silentChecks = now == moved ? silentChecks + 1 : 0;
                moved = now;
                if (silentChecks < IdleChecks) return;
                WasIdle = true;
                cut.Cancel();
            },
            null,
            period,
            period);
    }

    /// <summary>
    /// Closes the tunnel: as whole when the tool had ended its upload, even if it left before the gateway's last words, as most tools do, or when the gateway was
    /// done with it; as cut when neither.
    /// </summary>
    public Task CloseTunnelAsync() => _up != PumpEnd.Whole && !tunnel.IsPeerDone ? AbortTunnelAsync() : WithinAsync(async token =>
    {
        await tunnel.CloseAsync(CloseCode.Normal, "", token);
        // Closing the connection at once could overtake our last bytes.
        await tunnel.WaitForCloseAsync(token);
    });

    /// <summary>Says that the data is cut; the gateway passes that on.</summary>
    public Task AbortTunnelAsync() => WithinAsync(async token => await tunnel.CloseAsync(CloseCode.InternalError, "the relay's side was cut", token));

    private async Task WithinAsync(Func<CancellationToken, Task> closing)
    {
        using var limit = new CancellationTokenSource(CloseLimit, time);
        try
        {
            await closing(limit.Token);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // The tunnel is gone, or the gateway does not answer; disposing the connection tells it the rest.
        }
    }

    private async Task EndUpAsync(Task<PumpEnd> up, PumpEnd down, CancellationTokenSource cut)
    {
        if (down == PumpEnd.Whole && BytesToTool > 0 && !tunnel.IsPeerDone)
        {
            // The tool may go on sending, as long as somebody reads at the other end.
            using var watching = CancellationTokenSource.CreateLinkedTokenSource(cut.Token);
            var closed = WatchForCloseAsync(watching.Token);
            await Task.WhenAny(up, closed);
            // A tunnel has one reader at a time, and the closing reads again.
            await watching.CancelAsync();
            await closed;
        }

        if (!up.IsCompleted) await cut.CancelAsync();
    }

    private void EndDownSoon(PumpEnd up, CancellationTokenSource cut)
    {
        switch (up)
        {
            case PumpEnd.Whole when tunnel.CarriesHalfClose: break;
            case PumpEnd.Whole: cut.CancelAfter(LegacyCloseLimit); break;
            case PumpEnd.TunnelBroke: cut.CancelAfter(LastWordsLimit); break;
            default: cut.Cancel(); break;
        }
    }

    private async Task WatchForCloseAsync(CancellationToken cancellationToken)
    {
        try
        {
            await tunnel.WaitForCloseAsync(cancellationToken);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // A tunnel that broke takes no more bytes either.
        }
    }

    private async Task<PumpEnd> PumpUpAsync(CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                // Waiting for bytes without a buffer: a tool that is silent costs none. Twice, as such a wait ends also with an event of bytes that were read before it.
                if (tool.Available == 0) await tool.ReceiveAsync(Memory<byte>.Empty, cancellationToken);
                if (tool.Available == 0) await tool.ReceiveAsync(Memory<byte>.Empty, cancellationToken);
                if (!await PassUpAsync(cancellationToken)) break;
            }

            await tunnel.EndWriteAsync(cancellationToken);
            return PumpEnd.Whole;
        }
        catch (TunnelAbortedException) when (tunnel.IsClosedByPeer)
        {
            // The gateway closed first, and how is for the other direction to say.
            return PumpEnd.TunnelBroke;
        }
        catch (Exception e)
        {
            return Explain(e);
        }
    }

    private async Task<bool> PassUpAsync(CancellationToken cancellationToken)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(Protocol.PreferredChunkBytes);
        try
        {
            var bytes = await tool.ReceiveAsync(buffer.AsMemory(0, Protocol.PreferredChunkBytes), cancellationToken);
            await tunnel.WriteAsync(buffer.AsMemory(0, bytes), cancellationToken);
            return bytes > 0;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private async Task<PumpEnd> PumpDownAsync(CancellationToken cancellationToken)
    {
        try
        {
            var isFirst = true;
            for (var next = First ?? await ReadFirstAsync(cancellationToken); next is { } chunk; next = await tunnel.ReadChunkAsync(cancellationToken))
            {
                if (chunk.IsConnect) throw new ProtocolException("expected no CONNECT from the gateway");
                var data = chunk.Data;
                if (isFirst && !data.IsEmpty)
                {
                    isFirst = false;
                    data = ReadAnswer(data);
                }

                while (!data.IsEmpty)
                {
                    var bytes = await tool.SendAsync(data, cancellationToken);
                    BytesToTool += bytes;
                    data = data[bytes..];
                }
            }

            if (isFirst && told > 0) throw new TunnelAbortedException("the gateway gave no answer, and the tool was told ahead that its tunnel is there");

            // Before the first byte the tool is owed an explanation, not an end.
            if (BytesToTool > 0) tool.Shutdown(SocketShutdown.Send);
            else Outcome = "it ended before the first byte";
            return PumpEnd.Whole;
        }
        catch (Exception e)
        {
            return Explain(e);
        }
    }

    /// <returns>What of the answer is for the tool.</returns>
    private ReadOnlyMemory<byte> ReadAnswer(ReadOnlyMemory<byte> first)
    {
        var refusal = ConnectRefusal.Read(first.Span);
        var headBytes = first.Span.IndexOf("\r\n\r\n"u8) + 4;
        WasRefused = refusal is not null;
        var isEstablished = first.Span.StartsWith("HTTP/1."u8) && headBytes >= "HTTP/1.1 200\r\n\r\n".Length && first.Span[9] == '2';
        WasAnswered = WasRefused || isEstablished;
        if (WasAnswered) Answered(refusal);
        if (told == 0) return first;
        if (refusal is not null) throw new TunnelAbortedException($"the gateway answered {refusal.Status} where it had said yes before, which the tool was told");
        return isEstablished ? first[headBytes..] : throw new ProtocolException("expected the whole head of an answer to CONNECT");
    }

    private async Task<Chunk?> ReadFirstAsync(CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(AnswerLimit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            return await tunnel.ReadChunkAsync(either.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TunnelAbortedException($"the gateway did not answer CONNECT within {AnswerLimit.TotalSeconds} s");
        }
    }

    private PumpEnd Explain(Exception e)
    {
        switch (e)
        {
            case SocketException or ObjectDisposedException:
                _toolBroke = true;
                Outcome = "the tool's connection broke";
                return PumpEnd.ToolBroke;
            case IOException:
                Outcome = e.Message;
                return PumpEnd.TunnelBroke;
            case OperationCanceledException:
                return PumpEnd.Stopped;
            default:
                Outcome = $"failed unexpectedly: {e.GetType().Name}";
                return PumpEnd.TunnelBroke;
        }
    }
}
