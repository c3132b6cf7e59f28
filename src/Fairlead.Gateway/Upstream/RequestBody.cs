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
        while (true)
        {
            var read = await ReadAsync(stream, cancellationToken);
            try
            {
                foreach (var segment in read.Buffer)
                {
                    await stream.WriteAsync(segment, cancellationToken);
                    exchange.BytesIn += segment.Length;
                }
            }
            finally
            {
                // An upstream that takes no more must leave the reader usable: Kestrel drains what is left of the body.
                reader.AdvanceTo(read.Buffer.End);
            }

            Progressed?.Invoke();
            if (read.IsCompleted) return;
        }
    }

    private async ValueTask<ReadResult> ReadAsync(Stream stream, CancellationToken cancellationToken)
    {
        if (TryRead(out var read)) return read;
        await stream.FlushAsync(cancellationToken);
        try
        {
            return await reader.ReadAsync(cancellationToken);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            ClientFault = e;
            throw;
        }
    }

    private bool TryRead(out ReadResult read)
    {
        try
        {
            return reader.TryRead(out read);
        }
        catch (Exception e)
        {
            ClientFault = e;
            throw;
        }
    }
}
