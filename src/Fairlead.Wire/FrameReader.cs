using System.Buffers;
using System.Runtime.CompilerServices;

namespace Fairlead.Wire;

/// <summary>Takes WebSocket frames, and the messages they make up, from a connection. Holds no buffer while it waits with nothing in hand.</summary>
/// <param name="transport">The connection.</param>
/// <param name="end">Which end reads.</param>
internal sealed class FrameReader(Stream transport, TunnelEnd end)
{
    private const int BufferBytes = 64 * 1024;

    private readonly FairTurn _turn = new();
    private byte[] _buffer = [];
    private int _start;
    private int _filled;
    private bool _lastReadFilledBuffer;
    private byte[] _fragments = [];
    private int _fragmentBytes;

    /// <summary>True after the first frame of a message and before its last.</summary>
    public bool IsInsideMessage { get; private set; }

    /// <summary>Waits until a whole frame is there. Its payload must be taken before the next is asked for.</summary>
    /// <exception cref="TunnelAbortedException">The connection broke, or ended.</exception>
    /// <exception cref="ProtocolException">What came is no frame.</exception>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<FrameHeader> ReadAsync(CancellationToken cancellationToken)
    {
        FrameHeader frame;
        while (!FrameHeader.TryRead(_buffer.AsSpan(_start, _filled - _start), Protocol.MaxMessageBytes, out frame)
            || _filled - _start < frame.HeaderBytes + frame.PayloadBytes)
        {
            await FillAsync(frame.HeaderBytes + frame.PayloadBytes, cancellationToken).ConfigureAwait(false);
        }

        return frame;
    }

    /// <summary>Gives buffers back that hold nothing: bytes that wait, and a message that has begun, are kept.</summary>
    public void ReturnBuffers()
    {
        if (_start == _filled)
        {
            if (_buffer.Length > 0) ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = [];
            _start = _filled = 0;
        }

        if (IsInsideMessage || _fragments.Length == 0) return;
        ArrayPool<byte>.Shared.Return(_fragments);
        _fragments = [];
    }

    /// <summary>The payload of the frame just read, unmasked. Valid until the next read.</summary>
    public Memory<byte> TakePayload(FrameHeader frame)
    {
        // RFC 6455 §5.1: the client masks, the server does not; the other way round the connection must be failed.
        if (frame.IsMasked != (end == TunnelEnd.Gateway))
            throw new ProtocolException(frame.IsMasked ? "expected frames without a mask from the gateway" : "expected masked frames from the relay");
        var payload = _buffer.AsMemory(_start + frame.HeaderBytes, frame.PayloadBytes);
        if (frame.IsMasked) FrameMask.Apply(payload.Span, payload.Span, frame.MaskKey);
        _start += frame.HeaderBytes + frame.PayloadBytes;
        return payload;
    }

    /// <summary>Puts a message together of its frames (§5.4).</summary>
    /// <returns>True when the message is whole.</returns>
    public bool TryTakeMessage(FrameHeader frame, ReadOnlyMemory<byte> payload, out ReadOnlyMemory<byte> message)
    {
        message = payload;
        if (frame.Kind == FrameKind.Text) throw new ProtocolException("expected binary WebSocket messages, got text");
        if ((frame.Kind == FrameKind.Continuation) != IsInsideMessage)
            throw new ProtocolException(IsInsideMessage ? "expected the continuation of a WebSocket message" : "expected the beginning of a WebSocket message");
        if (frame.IsFinal && !IsInsideMessage) return true;

        if (!IsInsideMessage) _fragmentBytes = 0;
        if (_fragmentBytes + payload.Length > Protocol.MaxMessageBytes)
            throw new ProtocolException($"expected a WebSocket message of at most {Protocol.MaxMessageBytes} bytes");
        if (_fragments.Length < _fragmentBytes + payload.Length)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(_fragmentBytes + payload.Length, BufferBytes));
            _fragments.AsSpan(0, _fragmentBytes).CopyTo(larger);
            if (_fragments.Length > 0) ArrayPool<byte>.Shared.Return(_fragments);
            _fragments = larger;
        }

        payload.CopyTo(_fragments.AsMemory(_fragmentBytes));
        _fragmentBytes += payload.Length;
        IsInsideMessage = !frame.IsFinal;
        message = _fragments.AsMemory(0, _fragmentBytes);
        return frame.IsFinal;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask FillAsync(int frameBytes, CancellationToken cancellationToken)
    {
        if (_start == _filled && !_lastReadFilledBuffer)
        {
            // An idle tunnel holds no buffer: give it back, and take one again when the zero-byte read says that bytes are there.
            ReturnBuffers();
            _ = await ReadTransportAsync(Memory<byte>.Empty, cancellationToken).ConfigureAwait(false);
        }

        MakeRoom(Math.Max(frameBytes, FrameHeader.MaxBytes));
        var bytes = await ReadTransportAsync(_buffer.AsMemory(_filled), cancellationToken).ConfigureAwait(false);
        if (bytes == 0) throw new TunnelAbortedException("the connection that carries the tunnel ended without a close frame");
        _filled += bytes;
        _lastReadFilledBuffer = _filled == _buffer.Length;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<int> ReadTransportAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        try
        {
            var reading = buffer.IsEmpty ? RecordStream.WaitAsync(transport, cancellationToken) : transport.ReadAsync(buffer, cancellationToken);
            if (_turn.IsOver(reading.IsCompleted)) await FairTurn.Others;
            return await reading.ConfigureAwait(false);
        }
        catch (Exception e) when (TunnelAbortedException.IsBrokenConnection(e, cancellationToken))
        {
            throw new TunnelAbortedException($"the connection that carries the tunnel broke: {e.Message}", e);
        }
    }

    private void MakeRoom(int wanted)
    {
        if (_buffer.Length - _start >= wanted && _filled < _buffer.Length) return;
        var held = _buffer.AsSpan(_start, _filled - _start);
        if (_buffer.Length >= wanted && _start > 0)
        {
            held.CopyTo(_buffer);
        }
        else
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(wanted, BufferBytes));
            held.CopyTo(larger);
            if (_buffer.Length > 0) ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = larger;
        }

        _filled -= _start;
        _start = 0;
    }
}
