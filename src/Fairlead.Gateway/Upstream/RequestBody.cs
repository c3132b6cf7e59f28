using System.Buffers;
using System.IO.Pipelines;
using System.Net;

namespace Fairlead.Gateway.Upstream;

/// <summary>The workload's body as the content of the upstream request: streamed, never held, and flushed whenever the workload pauses.</summary>
internal sealed class RequestBody(PipeReader reader, long? length, Exchange exchange, CancellationToken stop) : HttpContent
{
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _begun;

    /// <summary>True once the upstream wanted the body; before that the workload was not asked for it (Expect: 100-continue).</summary>
    public bool HasBegun => Volatile.Read(ref _begun);

    /// <summary>What broke on the workload's side, or null.</summary>
    public Exception? ClientFault { get; private set; }

    /// <summary>Ends when the body was sent or given up; only then may somebody else read it.</summary>
    public Task Ended => HasBegun ? _ended.Task : Task.CompletedTask;

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        if (HasBegun) throw new HttpRequestException("the body was already sent once and is not kept");
        Volatile.Write(ref _begun, true);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, stop);
        try
        {
            await CopyAsync(stream, both.Token);
        }
        finally
        {
            _ended.TrySetResult();
        }
    }

    /// <summary>Called whenever some of the body was sent.</summary>
    public Action? Progressed { get; set; }

    protected override bool TryComputeLength(out long computed)
    {
        computed = length ?? 0;
        return length is not null;
    }

    private async Task CopyAsync(Stream stream, CancellationToken cancellationToken)
    {
        // The head goes out at once: a bidirectional call may wait for the answer's head before it sends its first byte.
        await stream.FlushAsync(cancellationToken);
        using var gathered = new Gathered(stream, exchange);
        while (true)
        {
            var read = await ReadAsync(gathered, cancellationToken);
            try
            {
                foreach (var segment in read.Buffer) await gathered.AddAsync(segment, cancellationToken);
            }
            finally
            {
                // An upstream that takes no more must leave the reader usable: Kestrel drains what is left of the body.
                reader.AdvanceTo(read.Buffer.End);
            }

            Progressed?.Invoke();
            if (!read.IsCompleted) continue;
            await gathered.SendAsync(cancellationToken);
            return;
        }
    }

    /// <summary>Reads what is there; sends on what was read before where nothing is.</summary>
    private async ValueTask<ReadResult> ReadAsync(Gathered gathered, CancellationToken cancellationToken)
    {
        Task<ReadResult> reading;
        try
        {
            var now = reader.ReadAsync(cancellationToken);
            if (now.IsCompletedSuccessfully) return now.Result;
            reading = now.AsTask();
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            ClientFault = e;
            throw;
        }

        try
        {
            await gathered.FlushAsync(cancellationToken);
        }
        catch
        {
            await GiveUpAsync(reading);
            throw;
        }

        try
        {
            return await reading;
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            ClientFault = e;
            throw;
        }
    }

    // Whoever reads next must find nobody reading, and all that was not sent.
    private async Task GiveUpAsync(Task<ReadResult> reading)
    {
        reader.CancelPendingRead();
        try
        {
            reader.AdvanceTo((await reading).Buffer.Start);
        }
        catch (Exception e)
        {
            ClientFault ??= e is OperationCanceledException ? null : e;
        }
    }

    /// <summary>Small pieces of a body that come one behind the other, sent as one: TLS gives 16 KiB at a time, and each piece has a way to go. Holds a buffer only while there is something in it.</summary>
    private sealed class Gathered(Stream stream, Exchange exchange) : IDisposable
    {
        // Less than 32 KiB by what TLS adds (22 bytes a record, RFC 8446 §5.2), so that what it makes of it fits a buffer of that size. No more, as each request whose
        // upstream reads slowly holds both.
        private const int MostBytes = (32 * 1024) - 256;

        private byte[]? _buffer;
        private int _filled;

        public async ValueTask AddAsync(ReadOnlyMemory<byte> piece, CancellationToken cancellationToken)
        {
            if (_filled + piece.Length > MostBytes) await SendAsync(cancellationToken);
            if (piece.Length >= MostBytes * 3 / 4 && _filled == 0)
            {
                await stream.WriteAsync(piece, cancellationToken);
                exchange.BytesIn += piece.Length;
                return;
            }

            _buffer ??= ArrayPool<byte>.Shared.Rent(MostBytes);
            piece.CopyTo(_buffer.AsMemory(_filled));
            _filled += piece.Length;
        }

        public async ValueTask SendAsync(CancellationToken cancellationToken)
        {
            if (_filled == 0) return;
            var (buffer, bytes) = (_buffer!, _filled);
            // After a write that failed the buffer is left to the collector: it may still be under way.
            (_buffer, _filled) = (null, 0);
            await stream.WriteAsync(buffer.AsMemory(0, bytes), cancellationToken);
            ArrayPool<byte>.Shared.Return(buffer);
            exchange.BytesIn += bytes;
        }

        public async ValueTask FlushAsync(CancellationToken cancellationToken)
        {
            await SendAsync(cancellationToken);
            await stream.FlushAsync(cancellationToken);
        }

        public void Dispose()
        {
            if (_buffer is not null) ArrayPool<byte>.Shared.Return(_buffer);
            (_buffer, _filled) = (null, 0);
        }
    }
}
