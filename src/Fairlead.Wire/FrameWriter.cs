using System.Buffers;
using System.Security.Cryptography;

namespace Fairlead.Wire;

/// <summary>
/// Puts WebSocket frames on a connection, one at a time, and keeps the connection alive. It lives as long as the WebSocket does, whatever tunnels come and go on it.
/// Who sends takes a turn first, looks whether it still may, sends, and ends the turn.
/// </summary>
internal sealed class FrameWriter : IAsyncDisposable
{
    private readonly Stream _transport;
    private readonly TunnelEnd _end;
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly PeriodicTimer _keepAliveTimer;
    private readonly Task _keepAlive;
    private readonly CancellationTokenSource _disposal = new();
    private Task _pong = Task.CompletedTask;
    private bool _closeSent;
    private bool _isBroken;

    /// <param name="transport">The connection; it is disposed with this writer.</param>
    /// <param name="end">Which end writes.</param>
    /// <param name="time">The clock of the keepalive.</param>
    public FrameWriter(Stream transport, TunnelEnd end, TimeProvider time)
    {
        _transport = transport;
        _end = end;
        _keepAliveTimer = new PeriodicTimer(Protocol.KeepAliveInterval, time);
        _keepAlive = KeepAliveAsync();
    }

    /// <summary>True when nothing can be sent any more: the close frame was, or the connection broke.</summary>
    public bool IsClosed => _closeSent || _isBroken;

    /// <summary>Called once when a keepalive finds the connection broken, which a reader that waits for something else would not see. It must not throw. Default: none.</summary>
    public Action? FoundBroken { get; set; }

    /// <summary>Cancelled when the WebSocket is disposed.</summary>
    public CancellationToken Disposed => _disposal.Token;

    public Task TakeTurnAsync(CancellationToken cancellationToken) => _turn.WaitAsync(cancellationToken);

    /// <summary>Takes the turn if nobody has it.</summary>
    public bool TryTakeTurn() => _turn.Wait(0, CancellationToken.None);

    public void EndTurn() => _turn.Release();

    /// <summary>Sends one frame. The caller has the turn.</summary>
    /// <param name="kind">A close frame is sent once; later ones do nothing.</param>
    /// <param name="payload">Of the frame; or the data of a chunk.</param>
    /// <param name="isData">True when the frame's payload is a chunk of that data.</param>
    /// <param name="isSecret">True to erase the copies that framing makes.</param>
    /// <param name="cancellationToken">Cancels the write, which breaks the WebSocket.</param>
    /// <exception cref="TunnelAbortedException">The WebSocket is closed or broken.</exception>
    public async ValueTask SendAsync(FrameKind kind, ReadOnlyMemory<byte> payload, bool isData, bool isSecret, CancellationToken cancellationToken)
    {
        if (IsClosed && kind == FrameKind.Close) return;
        if (IsClosed) throw new TunnelAbortedException("the tunnel is closed");
        var frame = ArrayPool<byte>.Shared.Rent(FrameHeader.MaxBytes + Chunk.MaxHeaderBytes + payload.Length);
        var isWhole = false;
        try
        {
            var bytes = WriteFrame(frame, kind, payload.Span, isData);
            if (kind == FrameKind.Close) _closeSent = true;
            await _transport.WriteAsync(frame.AsMemory(0, bytes), cancellationToken).ConfigureAwait(false);
            await _transport.FlushAsync(cancellationToken).ConfigureAwait(false);
            isWhole = true;
        }
        catch (Exception e) when (TunnelAbortedException.IsBrokenConnection(e, cancellationToken))
        {
            throw new TunnelAbortedException($"the connection that carries the tunnel broke: {e.Message}", e);
        }
        finally
        {
            // Half a frame on the wire cannot be taken back: whatever followed would be read as its rest.
            if (!isWhole) _isBroken = true;
            // Masked or not: the key of the mask stands in the frame.
            ArrayPool<byte>.Shared.Return(frame, clearArray: isSecret);
        }
    }

    /// <summary>
    /// Answers a ping beside the reading. Were the reader to wait until a blocked writer is done, and the writer's peer for what this reader
    /// leaves unread, both would wait forever. RFC 6455 §5.5.3: while one answer is on its way, no other need be sent.
    /// </summary>
    public void Pong(ReadOnlySpan<byte> payload)
    {
        if (_pong.IsCompleted) _pong = PongAsync(payload.ToArray());
    }

    public async ValueTask DisposeAsync()
    {
        await BreakAsync().ConfigureAwait(false);
        await _transport.DisposeAsync().ConfigureAwait(false);
        await _keepAlive.ConfigureAwait(false);
        await _pong.ConfigureAwait(false);
    }

    /// <summary>The same without waiting for what is under way.</summary>
    public void Dispose()
    {
        _isBroken = true;
        _keepAliveTimer.Dispose();
        _disposal.Cancel();
        _transport.Dispose();
    }

    private Task BreakAsync()
    {
        _isBroken = true;
        _keepAliveTimer.Dispose();
        return _disposal.CancelAsync();
    }

    private int WriteFrame(Span<byte> frame, FrameKind kind, ReadOnlySpan<byte> payload, bool isData)
    {
        Span<byte> chunkHead = stackalloc byte[Chunk.MaxHeaderBytes];
        var chunkHeadBytes = isData ? Chunk.WriteHeader(chunkHead, payload.Length) : 0;
        var isMasked = _end == TunnelEnd.Relay;
        // RFC 6455 §5.3: a key that cannot be guessed, fresh for each frame.
        Span<byte> key = stackalloc byte[4];
        if (isMasked) RandomNumberGenerator.Fill(key);
        var maskKey = BitConverter.ToUInt32(key);
        var headBytes = FrameHeader.Write(frame, kind, chunkHeadBytes + payload.Length, isMasked, maskKey);
        var body = frame.Slice(headBytes, chunkHeadBytes + payload.Length);
        if (isMasked)
        {
            FrameMask.Apply(chunkHead[..chunkHeadBytes], body, maskKey);
            FrameMask.Apply(payload, body[chunkHeadBytes..], maskKey, chunkHeadBytes);
        }
        else
        {
            chunkHead[..chunkHeadBytes].CopyTo(body);
            payload.CopyTo(body[chunkHeadBytes..]);
        }

        return headBytes + body.Length;
    }

    private async Task PongAsync(byte[] payload)
    {
        try
        {
            await TakeTurnAsync(_disposal.Token).ConfigureAwait(false);
            try
            {
                await SendAsync(FrameKind.Pong, payload, isData: false, isSecret: false, _disposal.Token).ConfigureAwait(false);
            }
            finally
            {
                EndTurn();
            }
        }
        catch (Exception e) when (e is TunnelAbortedException or OperationCanceledException)
        {
            // The tunnel is over; who reads or writes it learns that there.
        }
    }

    private async Task KeepAliveAsync()
    {
        while (await _keepAliveTimer.WaitForNextTickAsync().ConfigureAwait(false))
        {
            // Somebody is writing right now: the line is not idle.
            if (_closeSent || !TryTakeTurn()) continue;
            try
            {
                await SendAsync(FrameKind.Binary, Chunk.KeepAlive.ToArray(), isData: false, isSecret: false, _disposal.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (TunnelAbortedException)
            {
                FoundBroken?.Invoke();
                return;
            }
            finally
            {
                EndTurn();
            }
        }
    }
}
