using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.ExceptionServices;
using System.Security.Cryptography;
using System.Text;

namespace Fairlead.Wire;

/// <summary>
/// A byte stream over a WebSocket of chunks: the only place that frames. One reader and any number of writers may use it at a time.
/// <para>Reading: 0 bytes mean that the peer announced the end of its data. A tunnel that broke without that throws
/// <see cref="TunnelAbortedException"/>, so that a cut stream is never taken for a whole one.</para>
/// <para>Memory: nothing while a direction is idle; else one pooled buffer of 64 KiB for writing, and for reading one that holds the
/// largest frame seen, 513 KiB at most. A slow reader stops reading from the connection, so TCP pushes back to the sender.</para>
/// </summary>
public sealed class TunnelStream : Stream
{
    private readonly Stream _transport;
    private readonly TunnelEnd _end;
    private readonly FrameReader _frames;
    private readonly bool _peerKnowsEndOfData;
    private readonly SemaphoreSlim _writing = new(1, 1);
    private readonly PeriodicTimer _keepAliveTimer;
    private readonly Task _keepAlive;
    private readonly CancellationTokenSource _disposal = new();

    private ReadOnlyMemory<byte> _unread;
    private bool _inputEnded;
    private Exception? _readFailure;
    private Task _pong = Task.CompletedTask;
    private Task _notice = Task.CompletedTask;
    private bool _dataEnded;
    private bool _closeSent;
    private bool _isBroken;

    /// <summary>Takes over a connection on which the WebSocket upgrade is done.</summary>
    /// <param name="transport">The connection; it is disposed with this stream.</param>
    /// <param name="end">Which end this is.</param>
    /// <param name="peerKnowsEndOfData">True when the peer sent <see cref="Protocol.TunnelHeader"/>; then a half-close is carried as a chunk.</param>
    /// <param name="time">The clock of the keepalive.</param>
    public TunnelStream(Stream transport, TunnelEnd end, bool peerKnowsEndOfData, TimeProvider time)
    {
        _transport = transport;
        _end = end;
        _frames = new FrameReader(transport, end);
        _peerKnowsEndOfData = peerKnowsEndOfData;
        _keepAliveTimer = new PeriodicTimer(Protocol.KeepAliveInterval, time);
        _keepAlive = KeepAliveAsync();
    }

    /// <summary>True when a half-close can be told to the peer, so that one direction may end and the other go on.</summary>
    public bool CarriesHalfClose => _peerKnowsEndOfData;

    /// <summary>True when the peer sent <see cref="Protocol.NoticeHeader"/>: then <see cref="TrySendNotice"/> sends. Default: false.</summary>
    public bool PeerKnowsNotices { get; init; }

    /// <summary>Takes each notice of the peer, on the way of reading; it must be quick and not throw. Default: none, and notices are passed over.</summary>
    public Action<Notice>? NoticeReceived { get; set; }

    /// <summary>True once the peer's close frame came: it neither sends nor reads any more.</summary>
    public bool IsClosedByPeer { get; private set; }

    /// <summary>Data bytes that came from the peer.</summary>
    public long BytesRead { get; private set; }

    /// <summary>Data bytes that were sent to the peer.</summary>
    public long BytesWritten { get; private set; }

    /// <inheritdoc/>
    public override bool CanRead => true;

    /// <inheritdoc/>
    public override bool CanWrite => true;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <summary>Not supported: a tunnel has no length.</summary>
    public override long Length => throw new NotSupportedException();

    /// <summary>Not supported: a tunnel has no position.</summary>
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    /// <inheritdoc/>
    /// <exception cref="TunnelAbortedException">The tunnel broke before the end of the data was announced.</exception>
    /// <exception cref="ProtocolException">The peer sent what is no chunk.</exception>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (_unread.IsEmpty)
        {
            if (await ReadChunkAsync(cancellationToken).ConfigureAwait(false) is not { } chunk) return 0;
            if (chunk.IsConnect) throw _readFailure = new ProtocolException("expected CONNECT in the first chunk only");
            _unread = chunk.Data;
        }

        var bytes = Math.Min(buffer.Length, _unread.Length);
        _unread[..bytes].CopyTo(buffer);
        _unread = _unread[bytes..];
        return bytes;
    }

    /// <summary>Reads the next chunk that is not a keepalive. Its data is valid until the next read.</summary>
    /// <param name="cancellationToken">Cancels the wait; the stream stays whole and may be read again.</param>
    /// <returns>The chunk, or null at the end of the peer's data.</returns>
    /// <exception cref="TunnelAbortedException">The tunnel broke before the end of the data was announced.</exception>
    /// <exception cref="ProtocolException">The peer sent what is no chunk.</exception>
    public async ValueTask<Chunk?> ReadChunkAsync(CancellationToken cancellationToken)
    {
        // What ended the reading is told to every later read: a cut stream must not end like a whole one, nor go on behind a gap.
        if (_readFailure is not null) ExceptionDispatchInfo.Throw(_readFailure);
        try
        {
            while (!_inputEnded)
            {
                var frame = await _frames.ReadAsync(cancellationToken).ConfigureAwait(false);
                var payload = _frames.TakePayload(frame);
                if (frame.IsControl)
                {
                    await HandleControlAsync(frame.Kind, payload, cancellationToken).ConfigureAwait(false);
                    continue;
                }

                if (!_frames.TryTakeMessage(frame, payload, out var message)) continue;
                var chunk = Chunk.Parse(message);
                if (chunk.EndOfData) _inputEnded = true;
                TakeNotice(chunk);
                if (chunk.Data.IsEmpty && !chunk.IsConnect) continue; // a keepalive, or the bare end of data
                BytesRead += chunk.Data.Length;
                return chunk;
            }
        }
        catch (IOException e)
        {
            _readFailure = e;
            throw;
        }

        _frames.ReturnBuffers();
        return null;
    }

    /// <summary>
    /// Waits until the peer's close frame came. Pings are answered meanwhile, and data that was under way is dropped. Who still writes learns so that nobody
    /// reads any more; who has sent its own close frame, that all it sent has arrived.
    /// </summary>
    /// <param name="cancellationToken">Cancels the wait.</param>
    /// <exception cref="TunnelAbortedException">The tunnel broke.</exception>
    /// <exception cref="ProtocolException">The peer sent data after the end that it had announced.</exception>
    public async ValueTask WaitForCloseAsync(CancellationToken cancellationToken)
    {
        while (!IsClosedByPeer)
        {
            var frame = await _frames.ReadAsync(cancellationToken).ConfigureAwait(false);
            var payload = _frames.TakePayload(frame);
            if (frame.IsControl) await HandleControlAsync(frame.Kind, payload, cancellationToken).ConfigureAwait(false);
            else if (_frames.TryTakeMessage(frame, payload, out var message))
                DropAfterEnd(Chunk.Parse(message));
        }

        _frames.ReturnBuffers();
    }

    /// <inheritdoc/>
    /// <exception cref="TunnelAbortedException">The tunnel is closed or broken, or this end said that it sends no more data.</exception>
    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
        WriteChunksAsync(buffer, isSecret: false, cancellationToken);

    /// <summary>Writes what holds a secret: the copies that framing makes of it are erased once they were handed to the connection.</summary>
    /// <param name="secret">The caller erases it.</param>
    /// <param name="cancellationToken">Cancels the write, which breaks the tunnel.</param>
    /// <exception cref="TunnelAbortedException">The tunnel is closed or broken, or this end said that it sends no more data.</exception>
    public ValueTask WriteSecretAsync(ReadOnlyMemory<byte> secret, CancellationToken cancellationToken) => WriteChunksAsync(secret, isSecret: true, cancellationToken);

    /// <summary>
    /// Says, once, that this end sends no more data. The other direction goes on where <see cref="CarriesHalfClose"/> is true; else the tunnel closes.
    /// </summary>
    /// <param name="cancellationToken">Cancels the write, which breaks the tunnel.</param>
    public async ValueTask EndWriteAsync(CancellationToken cancellationToken)
    {
        if (_dataEnded) return;
        _dataEnded = true;
        if (_peerKnowsEndOfData) await SendAsync(FrameKind.Binary, Chunk.EndOfDataMessage.ToArray(), isData: false, cancellationToken).ConfigureAwait(false);
        else await CloseAsync(CloseCode.Normal, "", cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Sends the close frame, once; calls after the first do nothing. Nothing can be written afterwards.</summary>
    /// <param name="code">Anything but <see cref="CloseCode.Normal"/> tells the peer that the data is cut.</param>
    /// <param name="reason">For the peer's log, at most 123 bytes; longer text is cut.</param>
    /// <param name="cancellationToken">Cancels the write, which breaks the tunnel.</param>
    public async ValueTask CloseAsync(CloseCode code, string reason, CancellationToken cancellationToken)
    {
        var payload = new byte[FrameHeader.MaxControlPayloadBytes];
        BinaryPrimitives.WriteUInt16BigEndian(payload, (ushort)code);
        Encoding.UTF8.GetEncoder().Convert(reason, payload.AsSpan(2), flush: true, out _, out var reasonBytes, out _);
        await SendAsync(FrameKind.Close, payload.AsMemory(0, 2 + reasonBytes), isData: false, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Sends a notice beside the data, if the peer knows notices and nobody is writing just now: it never waits, and never makes data wait for it.</summary>
    /// <param name="notice">What to tell the peer.</param>
    /// <returns>False when it was dropped.</returns>
    public bool TrySendNotice(Notice notice)
    {
        if (!PeerKnowsNotices || _dataEnded || _closeSent || _isBroken || !_notice.IsCompleted || !_writing.Wait(0, CancellationToken.None)) return false;
        _notice = SendNoticeAsync(Chunk.NoticeMessage(notice.Encode()));
        return true;
    }

    /// <summary>Does nothing: every write is sent at once.</summary>
    public override void Flush() { }

    /// <summary>Does nothing: every write is sent at once.</summary>
    /// <param name="cancellationToken">Not looked at.</param>
    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public override async ValueTask DisposeAsync()
    {
        _isBroken = true;
        _keepAliveTimer.Dispose();
        await _disposal.CancelAsync().ConfigureAwait(false);
        await _transport.DisposeAsync().ConfigureAwait(false);
        await _keepAlive.ConfigureAwait(false);
        await _pong.ConfigureAwait(false);
        await _notice.ConfigureAwait(false);
        await base.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>Not supported: the tunnel is asynchronous.</summary>
    /// <param name="buffer">Not looked at.</param>
    /// <param name="offset">Not looked at.</param>
    /// <param name="count">Not looked at.</param>
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("the tunnel is read asynchronously");

    /// <summary>Not supported: the tunnel is asynchronous.</summary>
    /// <param name="buffer">Not looked at.</param>
    /// <param name="offset">Not looked at.</param>
    /// <param name="count">Not looked at.</param>
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("the tunnel is written asynchronously");

    /// <inheritdoc/>
    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <inheritdoc/>
    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <summary>Not supported: a tunnel cannot seek.</summary>
    /// <param name="offset">Not looked at.</param>
    /// <param name="origin">Not looked at.</param>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <summary>Not supported: a tunnel has no length.</summary>
    /// <param name="value">Not looked at.</param>
    public override void SetLength(long value) => throw new NotSupportedException();

    /// <summary>Not supported: dispose asynchronously.</summary>
    /// <param name="disposing">True from Dispose.</param>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _isBroken = true;
            _keepAliveTimer.Dispose();
            _disposal.Cancel();
            _transport.Dispose();
        }

        base.Dispose(disposing);
    }

    private async ValueTask WriteChunksAsync(ReadOnlyMemory<byte> buffer, bool isSecret, CancellationToken cancellationToken)
    {
        while (!buffer.IsEmpty)
        {
            var bytes = Math.Min(buffer.Length, Protocol.PreferredChunkBytes);
            await SendAsync(FrameKind.Binary, buffer[..bytes], isData: true, cancellationToken, isSecret).ConfigureAwait(false);
            buffer = buffer[bytes..];
        }
    }

    private void DropAfterEnd(Chunk chunk)
    {
        if (_inputEnded && !chunk.Data.IsEmpty) throw new ProtocolException("expected no data after the end of data");
        if (chunk.EndOfData) _inputEnded = true;
        TakeNotice(chunk);
    }

    private void TakeNotice(Chunk chunk)
    {
        if (NoticeReceived is not null && !chunk.Notice.IsEmpty && Notice.TryParse(chunk.Notice, out var notice)) NoticeReceived(notice);
    }

    private async ValueTask HandleControlAsync(FrameKind kind, Memory<byte> payload, CancellationToken cancellationToken)
    {
        // §5.5.3: while one answer is on its way, no other need be sent.
        if (kind == FrameKind.Ping && _pong.IsCompleted) _pong = PongAsync(payload.ToArray());
        if (kind != FrameKind.Close) return;

        if (payload.Length == 1) throw new ProtocolException("expected a close frame of 0 or of at least 2 bytes");
        var code = payload.Length == 0 ? (int)CloseCode.Normal : BinaryPrimitives.ReadUInt16BigEndian(payload.Span);
        var reason = payload.Length > 2 ? HostPort.Printable(Encoding.UTF8.GetString(payload.Span[2..])) : "no reason given";
        IsClosedByPeer = true;
        _inputEnded = true;
        if (code != (int)CloseCode.Normal) _readFailure = new TunnelAbortedException($"the peer cut the tunnel: code {code}, {reason}");
        else if (_frames.IsInsideMessage) _readFailure = new TunnelAbortedException("the peer closed the tunnel in the middle of a message");
        try
        {
            await CloseAsync(CloseCode.Normal, "", cancellationToken).ConfigureAwait(false);
        }
        catch (TunnelAbortedException)
        {
            // The peer said all it had to say and may have left; nobody waits for this answer.
        }

        if (_readFailure is not null) throw _readFailure;
    }

    /// <summary>
    /// Answers a ping beside the reading. Were the reader to wait until a blocked writer is done, and the writer's peer for what this reader
    /// leaves unread, both would wait forever.
    /// </summary>
    private async Task PongAsync(byte[] payload)
    {
        try
        {
            await SendAsync(FrameKind.Pong, payload, isData: false, _disposal.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is TunnelAbortedException or OperationCanceledException)
        {
            // The tunnel is over; who reads or writes it learns that there.
        }
    }

    // The caller has taken the right to write.
    private async Task SendNoticeAsync(byte[] message)
    {
        try
        {
            await SendLockedAsync(FrameKind.Binary, message, isData: false, _disposal.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is TunnelAbortedException or OperationCanceledException)
        {
            // The tunnel is over; who reads or writes it learns that there.
        }
        finally
        {
            _writing.Release();
        }
    }

    private async ValueTask SendAsync(FrameKind kind, ReadOnlyMemory<byte> payload, bool isData, CancellationToken cancellationToken, bool isSecret = false)
    {
        await _writing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await SendLockedAsync(kind, payload, isData, cancellationToken, isSecret).ConfigureAwait(false);
        }
        finally
        {
            _writing.Release();
        }
    }

    private async ValueTask SendLockedAsync(FrameKind kind, ReadOnlyMemory<byte> payload, bool isData, CancellationToken cancellationToken, bool isSecret = false)
    {
        if ((_closeSent || _isBroken) && kind == FrameKind.Close) return;
        if (_closeSent || _isBroken) throw new TunnelAbortedException("the tunnel is closed");
        if (_dataEnded && isData) throw new TunnelAbortedException("this end said that it sends no more data");
        var frame = ArrayPool<byte>.Shared.Rent(FrameHeader.MaxBytes + Chunk.MaxHeaderBytes + payload.Length);
        var isWhole = false;
        try
        {
            var bytes = WriteFrame(frame, kind, payload.Span, isData);
            if (kind == FrameKind.Close) _closeSent = true;
            await _transport.WriteAsync(frame.AsMemory(0, bytes), cancellationToken).ConfigureAwait(false);
            await _transport.FlushAsync(cancellationToken).ConfigureAwait(false);
            isWhole = true;
            if (isData) BytesWritten += payload.Length;
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

    private async Task KeepAliveAsync()
    {
        while (await _keepAliveTimer.WaitForNextTickAsync().ConfigureAwait(false))
        {
            // Somebody is writing right now: the line is not idle.
            if (_closeSent || !await _writing.WaitAsync(0).ConfigureAwait(false)) continue;
            try
            {
                await SendLockedAsync(FrameKind.Binary, Chunk.KeepAlive.ToArray(), isData: false, _disposal.Token).ConfigureAwait(false);
            }
            catch (Exception e) when (e is TunnelAbortedException or OperationCanceledException)
            {
                return;
            }
            finally
            {
                _writing.Release();
            }
        }
    }
}
