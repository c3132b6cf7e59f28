using System.Buffers;
using System.Runtime.CompilerServices;

namespace Fairlead.Wire;

/// <summary>
/// Lies between an <see cref="System.Net.Security.SslStream"/> and its connection, and makes few large reads and writes of its many. SslStream asks for one record of
/// TLS at a time, each time waiting for a byte first, and writes two at a time: four system calls for 32 KiB, which cost as much as the encryption.
/// <para>Memory: a pooled buffer of 128 KiB for reading and one of <c>mostHeld</c> for writing, each only while it has bytes in it. One reader and one writer may use it at a time, as with SslStream.</para>
/// </summary>
/// <param name="inner">The connection; it is disposed with this stream.</param>
/// <param name="mostHeld">
/// Where whoever writes flushes behind what belongs together, so many bytes of full records may wait for the flush: as many as the buffer that they take, which a peer that does not read
/// makes us keep. Default: 0, and nothing waits.
/// </param>
public sealed class RecordStream(Stream inner, int mostHeld = 0) : Stream
{
    // RFC 8446 §5.2: a record is 2^14 bytes of data and some more at most. Eight of them without what is around them.
    private const int BufferBytes = 128 * 1024;

    /// <summary>What a chunk of a tunnel becomes, and more: 128 KiB.</summary>
    public const int HoldsChunks = BufferBytes;

    // One that is full is followed by another, most likely. A shorter one is the end of something, and releases what waits.
    private const int FullRecordBytes = 16 * 1024;

    private byte[]? _read;
    private int _start;
    private int _end;
    private byte[]? _held;
    private int _heldBytes;

    /// <inheritdoc/>
    public override bool CanRead => true;

    /// <inheritdoc/>
    public override bool CanWrite => true;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <summary>Not supported: a connection has no length.</summary>
    public override long Length => throw new NotSupportedException();

    /// <summary>Not supported: a connection has no position.</summary>
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    /// <inheritdoc/>
    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_start < _end) return new ValueTask<int>(Take(buffer));
        // Who waits for a byte waits without a buffer; and what the caller has room for needs none of ours. One that is short is for a message of the handshake, behind which nothing follows.
        if (buffer.IsEmpty) return WaitAsync(inner, cancellationToken);
        return buffer.Length is < FullRecordBytes or >= BufferBytes ? inner.ReadAsync(buffer, cancellationToken) : FillAsync(buffer, cancellationToken);
    }

    /// <summary>Waits for a byte, or the end, without a buffer.</summary>
    /// <param name="stream">A connection, or TLS on one.</param>
    /// <param name="cancellationToken">Cancels the wait.</param>
    /// <returns>0, as a read of no bytes does.</returns>
    internal static ValueTask<int> WaitAsync(Stream stream, CancellationToken cancellationToken)
    {
        var wait = stream.ReadAsync(Memory<byte>.Empty, cancellationToken);
        return wait.IsCompletedSuccessfully ? wait : AgainAsync(wait);

        // A socket ends such a wait with any event, also one of bytes that were read before the wait began. The second time it looks for itself.
        [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
        async ValueTask<int> AgainAsync(ValueTask<int> first)
        {
            _ = await first.ConfigureAwait(false);
            return await stream.ReadAsync(Memory<byte>.Empty, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (mostHeld == 0 || (_heldBytes == 0 && (buffer.Length < FullRecordBytes || buffer.Length > mostHeld))) return inner.WriteAsync(buffer, cancellationToken);
        return HoldAsync(buffer, cancellationToken);
    }

    /// <inheritdoc/>
    public override async Task FlushAsync(CancellationToken cancellationToken)
    {
        await ReleaseAsync(cancellationToken).ConfigureAwait(false);
        await inner.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Not supported: use <see cref="FlushAsync"/>.</summary>
    public override void Flush() => throw new NotSupportedException("connections are asynchronous");

    /// <summary>Not supported: use <see cref="ReadAsync"/>.</summary>
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("connections are asynchronous");

    /// <summary>Not supported: use <see cref="WriteAsync"/>.</summary>
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("connections are asynchronous");

    /// <summary>Not supported.</summary>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <summary>Not supported.</summary>
    public override void SetLength(long value) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        // Buffers are left to the collector: a read or a write that is still under way may use them.
        if (disposing) inner.Dispose();
        base.Dispose(disposing);
    }

    private int Take(Memory<byte> buffer)
    {
        var bytes = Math.Min(buffer.Length, _end - _start);
        _read.AsMemory(_start, bytes).CopyTo(buffer);
        _start += bytes;
        if (_start == _end)
        {
            ArrayPool<byte>.Shared.Return(_read!);
            _read = null;
            _start = _end = 0;
        }

        return bytes;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<int> FillAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        var rented = ArrayPool<byte>.Shared.Rent(BufferBytes);
        var bytes = 0;
        try
        {
            bytes = await inner.ReadAsync(rented.AsMemory(0, BufferBytes), cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            if (bytes == 0) ArrayPool<byte>.Shared.Return(rented);
        }

        if (bytes == 0) return 0;
        (_read, _start, _end) = (rented, 0, bytes);
        return Take(buffer);
    }

    private async ValueTask HoldAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken)
    {
        if (_heldBytes + buffer.Length > mostHeld) await ReleaseAsync(cancellationToken).ConfigureAwait(false);
        if (buffer.Length > mostHeld)
        {
            await inner.WriteAsync(buffer, cancellationToken).ConfigureAwait(false);
            return;
        }

        _held ??= ArrayPool<byte>.Shared.Rent(mostHeld);
        buffer.CopyTo(_held.AsMemory(_heldBytes));
        _heldBytes += buffer.Length;
        if (buffer.Length < FullRecordBytes) await ReleaseAsync(cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask ReleaseAsync(CancellationToken cancellationToken)
    {
        if (_held is not { } held) return;
        var bytes = _heldBytes;
        (_held, _heldBytes) = (null, 0);
        await inner.WriteAsync(held.AsMemory(0, bytes), cancellationToken).ConfigureAwait(false);
        // Not after a failure: the write may still be under way.
        ArrayPool<byte>.Shared.Return(held);
    }
}
