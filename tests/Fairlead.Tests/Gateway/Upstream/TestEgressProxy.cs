using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Fairlead.Gateway.Policy;
using Fairlead.Gateway.Upstream;
using Fairlead.Wire;

namespace Fairlead.Tests.Gateway.Upstream;

/// <summary>An HTTP proxy that connects to one place, whatever it is asked for, and remembers what that was.</summary>
internal sealed class TestEgressProxy : IAsyncDisposable
{
    private readonly RawOrigin _listener;

    /// <param name="destination">Where its tunnels lead.</param>
    /// <param name="answer">What it says to CONNECT; the tunnel follows a 200.</param>
    public TestEgressProxy(IPEndPoint destination, string answer = "HTTP/1.1 200 Connection established\r\n\r\n") => _listener = new RawOrigin(async stream =>
    {
        Heads.Enqueue(await Reply.ReadHeadAsync(stream));
        await stream.WriteAsync(System.Text.Encoding.Latin1.GetBytes(answer), Limits.Token);
        if (!answer.StartsWith("HTTP/1.1 200", StringComparison.Ordinal)) return;
        using var socket = new Socket(destination.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(destination, Limits.Token);
        await using var onward = new NetworkStream(socket);
        await Task.WhenAny(stream.CopyToAsync(onward, Limits.Token), onward.CopyToAsync(stream, Limits.Token));
    });

    /// <summary>The heads of the CONNECTs it got.</summary>
    public ConcurrentQueue<string> Heads { get; } = new();

    public HostPort Address => HostPort.TryParse(_listener.EndPoint.ToString(), out var address, out _) ? address : throw new InvalidOperationException();

    public EgressProxy For(params string[] hosts) => new(Address, [.. hosts.Select(Edge.HostOf)]);

    public ValueTask DisposeAsync() => _listener.DisposeAsync();
}
