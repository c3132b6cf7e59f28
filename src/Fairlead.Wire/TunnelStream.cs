using System.Buffers.Binary;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
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
    // Data of a tunnel that is over that is still read to have its WebSocket again; whoever sends more is told to stop instead.
    private const int MaxDroppedBytes = 64 * 1024;

    private const string Over = "the tunnel is over, and its WebSocket carries another one";

    private readonly TunnelEnd _end;
    private readonly FrameReader _frames;
    private readonly FrameWriter _writer;
    private readonly bool _peerKnowsEndOfData;

    private ReadOnlyMemory<byte> _unread;
    private bool _inputEnded;
    private bool _saidNext;
    private bool _peerSaidNext;
    private Exception? _readFailure;
    private Task _notice = Task.CompletedTask;
    private bool _dataEnded;
    private volatile bool _isHandedOver;

    /// <summary>Takes over a connection on which the WebSocket upgrade is done.</summary>
    /// <param name="transport">The connection; it is disposed with this stream.</param>
    /// <param name="end">Which end this is.</param>
    /// <param name="peerKnowsEndOfData">True when the peer sent <see cref="Protocol.TunnelHeader"/>; then a half-close is carried as a chunk.</param>
    /// <param name="time">The clock of the keepalive.</param>
    public TunnelStream(Stream transport, TunnelEnd end, bool peerKnowsEndOfData, TimeProvider time)
        : this(end, peerKnowsEndOfData, new FrameReader(transport, end), new FrameWriter(transport, end, time))
    {
    }

    private TunnelStream(TunnelEnd end, bool peerKnowsEndOfData, FrameReader frames, FrameWriter writer) =>
        (_end, _peerKnowsEndOfData, _frames, _writer) = (end, peerKnowsEndOfData, frames, writer);

    /// <summary>True when a half-close can be told to the peer, so that one direction may end and the other go on.</summary>
    public bool CarriesHalfClose => _peerKnowsEndOfData;

    /// <summary>True when the peer sent <see cref="Protocol.NoticeHeader"/>: then <see cref="TrySendNotice"/> sends. Default: false.</summary>
    public bool PeerKnowsNotices { get; init; }

    /// <summary>True when both ends sent <see cref="Protocol.ReuseHeader"/>: then <see cref="NextAsync"/> may be tried. Default: false.</summary>
    public bool CarriesReuse { get; init; }

    /// <summary>
    /// True when this end has ended its data in order, or the peer is done with the tunnel, and neither a close nor a break is known of: the WebSocket may carry
    /// another tunnel. What the peer still sends of this one is not looked at.
    /// </summary>
    public bool IsReusable => CarriesReuse && _peerKnowsEndOfData && (_dataEnded || _peerSaidNext) && !IsClosedByPeer && !_isHandedOver && !_writer.IsClosed && _readFailure is null && _unread.IsEmpty;

    /// <summary>True once the peer neither sends nor reads any more of this tunnel: it closed, or said that what follows is another one's.</summary>
    public bool IsPeerDone => IsClosedByPeer || _peerSaidNext;

    /// <summary>True when both directions were ended in order, and neither a close nor a break is known of.</summary>
    public bool IsWhole => _inputEnded && IsReusable;

    /// <summary>Takes each notice of the peer, on the way of reading; it must be quick and not throw. Default: none, and notices are passed over.</summary>
    public Action<Notice>? NoticeReceived { get; set; }

    /// <summary>Called once when a keepalive finds the connection broken while nobody reads; it must not throw. Default: none.</summary>
    public Action? FoundBroken { get => _writer.FoundBroken; set => _writer.FoundBroken = value; }

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
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<Chunk?> ReadChunkAsync(CancellationToken cancellationToken)
    {
        // What ended the reading is told to every later read: a cut stream must not end like a whole one, nor go on behind a gap.
        if (_readFailure is not null) ExceptionDispatchInfo.Throw(_readFailure);
        if (_isHandedOver) return null;
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
                if (chunk.Next && CarriesReuse) TakeNext(chunk);
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
    /// Waits until the peer is done: until its close frame, or its word that the tunnel is over. Pings are answered meanwhile, and data that was under way is dropped. Who still writes learns so that nobody
    /// reads any more; who has sent its own close frame, that all it sent has arrived.
    /// </summary>
    /// <param name="cancellationToken">Cancels the wait.</param>
    /// <exception cref="TunnelAbortedException">The tunnel broke.</exception>
    /// <exception cref="ProtocolException">The peer sent data after the end that it had announced.</exception>
    public async ValueTask WaitForCloseAsync(CancellationToken cancellationToken)
    {
        while (!IsPeerDone) await ReadBesideDataAsync(cancellationToken).ConfigureAwait(false);
        _frames.ReturnBuffers();
    }

    /// <summary>Reads what the peer still sends, and drops it, until it ends its data.</summary>
    /// <param name="most">So many bytes at most.</param>
    /// <param name="cancellationToken">Cancels the wait; the stream stays whole and may be read again.</param>
    /// <returns>False when there was more.</returns>
    /// <exception cref="TunnelAbortedException">The tunnel broke before the end of the data was announced.</exception>
    /// <exception cref="ProtocolException">The peer sent what is no chunk.</exception>
    public async ValueTask<bool> DropToEndAsync(long most, CancellationToken cancellationToken)
    {
        var limit = BytesRead + most;
        while (BytesRead <= limit)
        {
            if (await ReadChunkAsync(cancellationToken).ConfigureAwait(false) is null) return true;
        }

        return false;
    }

    /// <summary>
    /// Agrees with the peer that this tunnel is over and its WebSocket carries another one. The gateway says so first (<see cref="EndTunnelAsync"/>), the relay answers; in
    /// each direction what follows belongs to the next tunnel. This stream can do nothing to the WebSocket any more then: whoever still holds it touches no other tunnel.
    /// </summary>
    /// <param name="cancellationToken">Cancels it, after which the WebSocket can only be closed.</param>
    /// <returns>The stream of the next tunnel, as after the upgrade; null when there is none: the peer closed, or this tunnel did not end in order.</returns>
    /// <exception cref="TunnelAbortedException">The WebSocket broke.</exception>
    /// <exception cref="ProtocolException">The peer sent what may not come then, data above all.</exception>
    public async ValueTask<TunnelStream?> NextAsync(CancellationToken cancellationToken)
    {
        if (!IsReusable || (_end == TunnelEnd.Gateway && !_saidNext)) return null;
        if (!await DropToEndAsync(MaxDroppedBytes, cancellationToken).ConfigureAwait(false)) return null;
        while (!IsPeerDone) await ReadBesideDataAsync(cancellationToken).ConfigureAwait(false);
        if (!IsWhole) return null;
        await HandOverAsync(cancellationToken).ConfigureAwait(false);
        _frames.ReturnBuffers();
        return new TunnelStream(_end, _peerKnowsEndOfData, _frames, _writer) { PeerKnowsNotices = PeerKnowsNotices, CarriesReuse = CarriesReuse };
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

    /// <summary>
    /// Says that the tunnel is over for the gateway, as a close frame of code 1000 does: it sends no more data, and drops what still comes. The WebSocket stays open
    /// where the relay answers; see <see cref="NextAsync"/>.
    /// </summary>
    /// <param name="cancellationToken">Cancels the write, which breaks the WebSocket.</param>
    public async ValueTask EndTunnelAsync(CancellationToken cancellationToken)
    {
        Debug.Assert(CarriesReuse && _end == TunnelEnd.Gateway);
        if (_saidNext) return;
        _dataEnded = _saidNext = true;
        await SendAsync(FrameKind.Binary, Chunk.NextMessage.ToArray(), isData: false, cancellationToken).ConfigureAwait(false);
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
        if (!PeerKnowsNotices || _dataEnded || _writer.IsClosed || !_notice.IsCompleted || !_writer.TryTakeTurn()) return false;
        if (_dataEnded)
        {
            // It ended meanwhile, and the turn may be another tunnel's by now.
            _writer.EndTurn();
            return false;
        }

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
        // What was handed over is not ours to end.
        if (!_isHandedOver) await _writer.DisposeAsync().ConfigureAwait(false);
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
        if (disposing && !_isHandedOver) _writer.Dispose();
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

    // Behind whoever has the turn: what began to be sent before is the old tunnel's, and whoever comes later finds this stream done with.
    private async ValueTask HandOverAsync(CancellationToken cancellationToken)
    {
        await _writer.TakeTurnAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_end == TunnelEnd.Relay) await _writer.SendAsync(FrameKind.Binary, Chunk.NextMessage.ToArray(), isData: false, isSecret: false, cancellationToken).ConfigureAwait(false);
            _isHandedOver = true;
        }
        finally
        {
            _writer.EndTurn();
        }
    }

    // Everything but data: the end of it, the next tunnel, notices, and what WebSocket says itself.
    private async ValueTask ReadBesideDataAsync(CancellationToken cancellationToken)
    {
        if (_isHandedOver) throw new TunnelAbortedException(Over);
        try
        {
            var frame = await _frames.ReadAsync(cancellationToken).ConfigureAwait(false);
            var payload = _frames.TakePayload(frame);
            if (frame.IsControl) await HandleControlAsync(frame.Kind, payload, cancellationToken).ConfigureAwait(false);
            else if (_frames.TryTakeMessage(frame, payload, out var message)) TakeBesideData(Chunk.Parse(message));
        }
        catch (IOException e)
        {
            _readFailure ??= e;
            throw;
        }
    }

    private void TakeBesideData(Chunk chunk)
    {
        if (_inputEnded && (!chunk.Data.IsEmpty || chunk.IsConnect)) throw new ProtocolException("expected no data after the end of data");
        if (chunk.Next && CarriesReuse) TakeNext(chunk);
        if (chunk.EndOfData) _inputEnded = true;
        TakeNotice(chunk);
    }

    private void TakeNext(Chunk chunk)
    {
        if (!chunk.Data.IsEmpty || chunk.IsConnect) throw new ProtocolException("expected no data with the end of a tunnel");
        // Before the gateway is done, and before there was a tunnel at all, it cannot be over.
        if (_end == TunnelEnd.Gateway && !_saidNext) throw new ProtocolException("expected the relay to end a tunnel behind the gateway");
        if (_end == TunnelEnd.Relay && BytesRead == 0) throw new ProtocolException("expected an answer before the end of the tunnel");
        _inputEnded = _peerSaidNext = true;
    }

    private void TakeNotice(Chunk chunk)
    {
        if (NoticeReceived is not null && !chunk.Notice.IsEmpty && Notice.TryParse(chunk.Notice, out var notice)) NoticeReceived(notice);
    }

    private async ValueTask HandleControlAsync(FrameKind kind, Memory<byte> payload, CancellationToken cancellationToken)
    {
        if (kind == FrameKind.Ping) _writer.Pong(payload.Span);
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

    // The caller has taken the turn.
    private async Task SendNoticeAsync(byte[] message)
    {
        try
        {
            await _writer.SendAsync(FrameKind.Binary, message, isData: false, isSecret: false, _writer.Disposed).ConfigureAwait(false);
        }
        catch (Exception e) when (e is TunnelAbortedException or OperationCanceledException)
        {
            // The tunnel is over; who reads or writes it learns that there.
        }
        finally
        {
            _writer.EndTurn();
        }
    }

    private async ValueTask SendAsync(FrameKind kind, ReadOnlyMemory<byte> payload, bool isData, CancellationToken cancellationToken, bool isSecret = false)
    {
        await _writer.TakeTurnAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            // Looked at within the turn: the WebSocket may carry another tunnel by now, which nothing of this one may reach.
            if (_isHandedOver && kind == FrameKind.Close) return;
            if (_isHandedOver) throw new TunnelAbortedException(Over);
            if (_dataEnded && isData) throw new TunnelAbortedException("this end said that it sends no more data");
            await _writer.SendAsync(kind, payload, isData, isSecret, cancellationToken).ConfigureAwait(false);
            if (isData) BytesWritten += payload.Length;
        }
        finally
        {
            _writer.EndTurn();
        }
    }
}
