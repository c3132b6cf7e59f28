using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using Fairlead.Wire;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace Fairlead.Gateway.Tunnels;

/// <summary>
/// A relay's connection. Kestrel reads and answers the upgrade through pipes; once it is a WebSocket, <see cref="TakeOver"/> gives its stream to the tunnel, with nothing
/// between them but TLS: no pipe, no copy, no task to wait for.
/// </summary>
internal sealed class OuterConnection
    : ConnectionContext, IDuplexPipe, IConnectionIdFeature, IConnectionTransportFeature, IConnectionItemsFeature, IConnectionLifetimeFeature, IMemoryPoolFeature
{
    private static readonly TimeSpan HandshakeTimeout = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan EndTimeout = TimeSpan.FromSeconds(5);

    private readonly Socket _socket;
    private readonly CancellationTokenSource _closed = new();
    private Stream _stream;
    private int _isClosed;

    public OuterConnection(Socket socket)
    {
        socket.NoDelay = true;
        _socket = socket;
        (LocalEndPoint, RemoteEndPoint) = (socket.LocalEndPoint, socket.RemoteEndPoint);
        Transport = this;
        UseStream(_stream = new NetworkStream(socket, ownsSocket: false));
        Features.Set(this);
        Features.Set<IConnectionIdFeature>(this);
        Features.Set<IConnectionTransportFeature>(this);
        Features.Set<IConnectionItemsFeature>(this);
        Features.Set<IConnectionLifetimeFeature>(this);
        Features.Set<IMemoryPoolFeature>(this);
    }

    public override string ConnectionId { get; set; } = Guid.NewGuid().ToString("N");

    public override IFeatureCollection Features { get; } = new FeatureCollection();

    public override IDictionary<object, object?> Items { get; set; } = new ConnectionItems();

    public override IDuplexPipe Transport { get; set; }

    public override CancellationToken ConnectionClosed { get => _closed.Token; set => throw new NotSupportedException("a connection closes itself"); }

    public override EndPoint? LocalEndPoint { get; set; }

    public override EndPoint? RemoteEndPoint { get; set; }

    public MemoryPool<byte> MemoryPool => LargeBlockPool.Instance;

    public PipeReader Input { get; private set; } = null!;

    public PipeWriter Output { get; private set; } = null!;

    /// <summary>Opens TLS, before anything is read.</summary>
    /// <param name="options">The certificate and what may be agreed on.</param>
    /// <returns>False when there is no agreement.</returns>
    public async Task<bool> SecureAsync(SslServerAuthenticationOptions options)
    {
        var tls = new SslStream(new RecordStream(_stream, mostHeld: RecordStream.HoldsChunks), leaveInnerStreamOpen: false);
        _stream = tls;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(_closed.Token);
        limit.CancelAfter(HandshakeTimeout);
        try
        {
            await tls.AuthenticateAsServerAsync(options, limit.Token);
        }
        catch (Exception e) when (e is AuthenticationException or IOException or OperationCanceledException or ObjectDisposedException)
        {
            return false;
        }

        UseStream(tls);
        return true;
    }

    /// <summary>Gives away the stream, behind the answer to an upgrade.</summary>
    /// <returns>Null when bytes behind the upgrade were read already: they are Kestrel's to give.</returns>
    public Stream? TakeOver()
    {
        if (!Input.TryRead(out var read)) return _stream;
        Input.AdvanceTo(read.Buffer.Start);
        return null;
    }

    public override void Abort(ConnectionAbortedException abortReason) => Close(isWhole: false);

    public override void Abort() => Close(isWhole: false);

    public override async ValueTask DisposeAsync()
    {
        try
        {
            await Input.CompleteAsync();
            // What was flushed is on its way; without an exception, what could not be sent would be sent once more.
            await Output.CompleteAsync(new ConnectionAbortedException("the connection is over"));
            await SayEndAsync();
        }
        finally
        {
            Close(isWhole: true);
            await _stream.DisposeAsync();
            _socket.Dispose();
        }

        await base.DisposeAsync();
    }

    private void UseStream(Stream stream)
    {
        // Small blocks: they hold heads, and those of whoever sends one slowly.
        Input = PipeReader.Create(stream, new StreamPipeReaderOptions(leaveOpen: true, useZeroByteReads: true));
        Output = PipeWriter.Create(stream, new StreamPipeWriterOptions(leaveOpen: true));
    }

    // RFC 8446 §6.1: who stops sending says close_notify.
    private async Task SayEndAsync()
    {
        if (_isClosed != 0 || _stream is not SslStream { IsAuthenticated: true } tls) return;
        try
        {
            await tls.ShutdownAsync().WaitAsync(EndTimeout);
        }
        catch (Exception e) when (e is IOException or InvalidOperationException or TimeoutException)
        {
            // The relay left first, or reads no more.
        }
    }

    private void Close(bool isWhole)
    {
        if (Interlocked.Exchange(ref _isClosed, 1) != 0) return;
        try
        {
            if (isWhole) _socket.Shutdown(SocketShutdown.Both);
            // A reset: what is cut must not look as if it ended.
            else _socket.Close(0);
        }
        catch (SocketException)
        {
            // It is closed already.
        }
        catch (ObjectDisposedException)
        {
            // The same.
        }

        _ = _closed.CancelAsync();
    }
}
