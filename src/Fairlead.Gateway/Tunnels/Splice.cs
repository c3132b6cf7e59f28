using System.Buffers;
using System.Net.Sockets;
using Fairlead.Wire;

namespace Fairlead.Gateway.Tunnels;

/// <summary>
/// A tunnel and an upstream's connection, joined: bytes both ways, each direction with its own end, and a slow reader stops its writer. Besides what the
/// tunnel's stream holds, a direction that is silent holds no buffer, the other one 64 KiB.
/// </summary>
/// <param name="tunnel">The workload's side; it stays the caller's.</param>
/// <param name="upstream">The upstream's side; it stays the caller's, and is reset after any end but a whole one.</param>
/// <param name="mayPass">Asked before each piece of so many bytes is passed on.</param>
internal sealed class Splice(TunnelStream tunnel, NetworkStream upstream, Func<int, bool> mayPass)
{
    private const int BufferBytes = 64 * 1024;

    private volatile bool _upstreamEnded;
    private volatile bool _isUpPassedOn;
    private volatile bool _isDownPassedOn;

    /// <summary>What broke; null after a whole end.</summary>
    public string? Problem { get; private set; }

    /// <summary>Carries bytes until both directions ended, or one broke.</summary>
    /// <param name="early">What was read of the tunnel before.</param>
    /// <param name="cancellationToken">Cuts it.</param>
    /// <exception cref="OperationCanceledException">It was cut.</exception>
    public async Task<SpliceEnd> RunAsync(ReadOnlyMemory<byte> early, CancellationToken cancellationToken)
    {
        using var cut = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var watching = CancellationTokenSource.CreateLinkedTokenSource(cut.Token);
        var up = UpAsync(early, cut, watching.Token);
        var down = DownAsync(watching, cut.Token);
        var first = await (await Task.WhenAny(up, down));
        if (first != SpliceEnd.Whole) await cut.CancelAsync();
        var (upEnd, downEnd) = (await up, await down);
        var end = first != SpliceEnd.Whole ? first : upEnd != SpliceEnd.Whole ? upEnd : downEnd;
        // To the directions a cut from outside looks like the other one's end. One that comes when both ends were passed on cuts nothing: who has got all leaves.
        if (end == SpliceEnd.Whole && (!cancellationToken.IsCancellationRequested || (_isUpPassedOn && _isDownPassedOn))) return end;
        // A cut upload must not look like a whole one to the upstream: a reset in place of an end, which disposing the stream would send first.
        upstream.Socket.LingerState = new LingerOption(enable: true, seconds: 0);
        upstream.Socket.Close();
        return end != SpliceEnd.Whole ? end : throw new OperationCanceledException(cancellationToken);
    }

    private async Task<SpliceEnd> UpAsync(ReadOnlyMemory<byte> early, CancellationTokenSource cut, CancellationToken watching)
    {
        try
        {
            if (!mayPass(early.Length)) return SpliceEnd.Stopped;
            await SendUpAsync(early, cut.Token);
            while (await tunnel.ReadChunkAsync(cut.Token) is { } chunk)
            {
                if (!mayPass(chunk.Data.Length)) return SpliceEnd.Stopped;
                if (chunk.IsConnect) throw new ProtocolException("expected CONNECT in the first chunk only");
                await SendUpAsync(chunk.Data, cut.Token);
            }

            upstream.Socket.Shutdown(SocketShutdown.Send);
            _isUpPassedOn = true;
            // The workload may still read. When it has closed, nobody does: what the upstream still says is for nobody.
            await tunnel.WaitForCloseAsync(watching);
            await cut.CancelAsync();
            return SpliceEnd.Whole;
        }
        catch (Exception e) when (_upstreamEnded && e is UpstreamBrokeException or SocketException)
        {
            // It had said all it had to say, and need not listen any more.
            return SpliceEnd.Whole;
        }
        catch (Exception e) when (e is UpstreamBrokeException or SocketException)
        {
            return Broke(SpliceEnd.UpstreamBroke, e);
        }
        catch (IOException e)
        {
            return Broke(SpliceEnd.WorkloadBroke, e);
        }
        catch (OperationCanceledException)
        {
            // The other direction, or the caller, says why.
            return SpliceEnd.Whole;
        }
    }

    private async Task<SpliceEnd> DownAsync(CancellationTokenSource watching, CancellationToken cut)
    {
        try
        {
            while (true)
            {
                // Waiting for bytes without a buffer: an upstream that is silent costs none.
                await ReceiveAsync(Memory<byte>.Empty, cut);
                var buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
                try
                {
                    var bytes = await ReceiveAsync(buffer.AsMemory(0, BufferBytes), cut);
                    if (!mayPass(bytes)) return SpliceEnd.Stopped;
                    if (bytes == 0) break;
                    await tunnel.WriteAsync(buffer.AsMemory(0, bytes), cut);
                }
                finally
                {
                    ArrayPool<byte>.Shared.Return(buffer);
                }
            }

            _upstreamEnded = true;
            await tunnel.EndWriteAsync(cut);
            _isDownPassedOn = true;
            return SpliceEnd.Whole;
        }
        catch (UpstreamBrokeException e)
        {
            return Broke(SpliceEnd.UpstreamBroke, e);
        }
        catch (IOException) when (tunnel.IsClosedByPeer)
        {
            // It closed while we wrote; how is for the other direction to say.
            return SpliceEnd.Whole;
        }
        catch (IOException e)
        {
            return Broke(SpliceEnd.WorkloadBroke, e);
        }
        catch (OperationCanceledException)
        {
            return SpliceEnd.Whole;
        }
        finally
        {
            // Nothing goes down any more, so nobody need know whether somebody reads.
            await watching.CancelAsync();
        }
    }

    private async Task SendUpAsync(ReadOnlyMemory<byte> bytes, CancellationToken cut)
    {
        try
        {
            await upstream.WriteAsync(bytes, cut);
        }
        catch (IOException e)
        {
            throw new UpstreamBrokeException(e);
        }
    }

    private async Task<int> ReceiveAsync(Memory<byte> buffer, CancellationToken cut)
    {
        try
        {
            return await upstream.ReadAsync(buffer, cut);
        }
        catch (IOException e)
        {
            throw new UpstreamBrokeException(e);
        }
    }

    private SpliceEnd Broke(SpliceEnd end, Exception e)
    {
        Problem ??= e.Message;
        return end;
    }

    /// <summary>Both sides throw IOException; this one is the upstream's.</summary>
    private sealed class UpstreamBrokeException(IOException cause) : Exception(cause.Message, cause);
}
