using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using Fairlead.Wire;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace Fairlead.Gateway.Tunnels;

/// <summary>
/// A tunnel as an accepted connection of the inner server. Input runs through a pipe, so that the peer's leaving is noticed while a request
/// is being served; output goes to the tunnel at once.
/// </summary>
internal sealed class TunnelConnection
    : ConnectionContext, IDuplexPipe, IConnectionIdFeature, IConnectionTransportFeature, IConnectionItemsFeature, IConnectionLifetimeFeature, IMemoryPoolFeature
{
    /// <summary>Bytes that may wait for the inner server before the tunnel is read no further: 256 KiB.</summary>
    public const int MaxWaitingBytes = 256 * 1024;

    // What the inner server needs to leave once the input has ended. A request under way is cancelled then.
    private static readonly TimeSpan LeaveTimeout = TimeSpan.FromSeconds(5);

    private readonly Tunnel _tunnel;
    private readonly TunnelStream _stream;
    private readonly ReadOnlyMemory<byte> _early;
    // The reader gets a turn of its own: run by who writes, a flood that is always there would keep a thread for as long as it lasts.
    private readonly Pipe _input = new(new PipeOptions(
        pool: LargeBlockPool.Instance, pauseWriterThreshold: MaxWaitingBytes, resumeWriterThreshold: MaxWaitingBytes / 2, writerScheduler: PipeScheduler.Inline, useSynchronizationContext: false));
    private readonly CancellationTokenSource _closed = new();
    private readonly CancellationTokenSource _stopReceiving = new();
    private volatile IOException? _outputFailure;
    private volatile bool _isLeft;
    private readonly TaskCompletionSource<ConnectionAbortedException?> _finished = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <param name="tunnel">Whose tunnel it is.</param>
    /// <param name="stream">The bytes; it stays the caller's.</param>
    /// <param name="early">Bytes that came together with the CONNECT head and belong to the tunnel.</param>
    public TunnelConnection(Tunnel tunnel, TunnelStream stream, ReadOnlyMemory<byte> early)
    {
        _tunnel = tunnel;
        _stream = stream;
        _early = early;
        ConnectionId = tunnel.Id;
        Transport = this;
        Input = new FairReader(_input.Reader);
        Output = PipeWriter.Create(new TunnelOutput(stream, Count, OutputBroke), new StreamPipeWriterOptions(LargeBlockPool.Instance, leaveOpen: true));
        Features.Set(tunnel);
        Features.Set<IConnectionIdFeature>(this);
        Features.Set<IConnectionTransportFeature>(this);
        Features.Set<IConnectionItemsFeature>(this);
        Features.Set<IConnectionLifetimeFeature>(this);
        Features.Set<IMemoryPoolFeature>(this);
    }

    public override string ConnectionId { get; set; }

    public override IFeatureCollection Features { get; } = new FeatureCollection();

    public override IDictionary<object, object?> Items { get; set; } = new ConnectionItems();

    /// <summary>The tunnel's bytes, until TLS puts its own pipe in their place.</summary>
    public override IDuplexPipe Transport { get; set; }

    public override CancellationToken ConnectionClosed { get => _closed.Token; set => throw new NotSupportedException("a tunnel closes itself"); }

    public override EndPoint? LocalEndPoint { get; set; } = TunnelEndPoint.Instance;

    public MemoryPool<byte> MemoryPool => LargeBlockPool.Instance;

    public PipeReader Input { get; }

    public PipeWriter Output { get; }

    /// <summary>Ends when the inner server is done with the connection; the result says why it gave up, null after a normal end.</summary>
    public Task<ConnectionAbortedException?> Finished => _finished.Task;

    /// <summary>True once the peer has ended its data, or the connection was given up: nobody waits for last words.</summary>
    public bool IsOver => _isLeft || _finished.Task.IsCompleted;

    /// <summary>Carries bytes from the tunnel to the inner server until one side ends.</summary>
    /// <returns>Null after the peer's clean end, else what broke the tunnel.</returns>
    public async Task<IOException?> ReceiveAsync()
    {
        IOException? cause = null;
        try
        {
            Count(_early.Length);
            if (!_early.IsEmpty) await _input.Writer.WriteAsync(_early, _stopReceiving.Token);
            // When the server no longer reads, the rest is dropped here: the peer must not be stuck in a write that nobody takes.
            while (await _stream.ReadChunkAsync(_stopReceiving.Token) is { } chunk)
            {
                if (chunk.IsConnect) throw new ProtocolException("expected CONNECT in the first chunk only");
                Count(chunk.Data.Length);
                await _input.Writer.WriteAsync(chunk.Data, _stopReceiving.Token);
            }
        }
        catch (IOException e)
        {
            cause = e;
        }
        catch (OperationCanceledException) when (_stopReceiving.IsCancellationRequested)
        {
            // Our own side gave the connection up and says why in Finished; or nothing can be written. Who closed in order while we wrote has said all.
            cause = _stream.IsClosedByPeer || _finished.Task.IsCompleted ? null : _outputFailure;
        }

        await _input.Writer.CompleteAsync(cause is null ? null : new ConnectionResetException("the workload's connection broke", cause));
        await _closed.CancelAsync();
        return cause;
    }

    /// <summary>Stops <see cref="ReceiveAsync"/>.</summary>
    public void StopReceiving() => _stopReceiving.Cancel();

    public override void Abort(ConnectionAbortedException abortReason)
    {
        // Without a reason Kestrel says that it has seen the end of the input, and reads on to it: a pipe that was taken from under its read would be seven exceptions a tunnel.
        if (abortReason is null)
        {
            _isLeft = true;
            _ = FinishSoonAsync();
            return;
        }

        _finished.TrySetResult(abortReason);
        StopReceiving();
    }

    public override void Abort() => Abort(new ConnectionAbortedException("the connection was aborted"));

    private async Task FinishSoonAsync()
    {
        await ((Task)_finished.Task.WaitAsync(LeaveTimeout)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _finished.TrySetResult(null);
    }

    // The inner server learns by its input that nobody reads what it writes.
    private void OutputBroke(IOException failure)
    {
        _outputFailure = failure;
        StopReceiving();
    }

    private void Count(int bytes)
    {
        if (_tunnel.Spend(bytes) is { } why) Abort(new ConnectionAbortedException(why));
    }

    public override async ValueTask DisposeAsync()
    {
        try
        {
            await Input.CompleteAsync();
            // What was flushed is on its way; without an exception, what could not be sent would be sent once more.
            await Output.CompleteAsync(new ConnectionAbortedException("the connection is over"));
        }
        finally
        {
            _finished.TrySetResult(null);
        }

        await base.DisposeAsync();
    }
}
