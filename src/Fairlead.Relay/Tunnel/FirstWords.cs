using System.Net.Sockets;

namespace Fairlead.Relay.Tunnel;

/// <summary>
/// What a tool says before the gateway has answered its CONNECT. A tool that is told at once that its tunnel is there says its ClientHello at once, which then goes right behind the
/// CONNECT and saves a round trip to the gateway. Only a ClientHello does: it asks for nothing, so it may be there twice, should the WebSocket turn out to be dead. What follows waits for the answer.
/// </summary>
/// <param name="early">What came with the CONNECT.</param>
internal sealed class FirstWords(ReadOnlyMemory<byte> early)
{
    // What the tool is told ahead of the gateway.
    private static readonly byte[] Established = "HTTP/1.1 200 Connection Established\r\n\r\n"u8.ToArray();

    // A tool that speaks first does so at once. One that waits to be spoken to hears no later than this what is there already.
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(20);

    private const int MostBytes = 16 * 1024;
    private const int RecordHeaderBytes = 5;

    /// <summary>How many bytes of an answer the tool has from the relay.</summary>
    public int Told { get; private set; }

    /// <summary>All that it said.</summary>
    public ReadOnlyMemory<byte> All { get; private set; } = early;

    /// <summary>What of it may go before the answer: a ClientHello, where there is one.</summary>
    public ReadOnlyMemory<byte> Hello => All[..HelloBytes(All.Span)];

    /// <summary>What of it did not go before the answer.</summary>
    public ReadOnlyMemory<byte> Rest => Told > 0 ? All[HelloBytes(All.Span)..] : All;

    /// <summary>Tells the tool that its tunnel is there.</summary>
    /// <exception cref="SocketException">The tool left.</exception>
    public async Task TellAsync(Socket tool, CancellationToken cancellationToken)
    {
        for (ReadOnlyMemory<byte> rest = Established; !rest.IsEmpty;) rest = rest[await tool.SendAsync(rest, cancellationToken)..];
        Told = Established.Length;
    }

    /// <summary>Takes what the tool says to that, unless it spoke before.</summary>
    /// <exception cref="SocketException">The tool left.</exception>
    public async Task ListenAsync(Socket tool, TimeProvider time, CancellationToken cancellationToken)
    {
        if (!All.IsEmpty) return;
        using var limit = new CancellationTokenSource(Patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            // Twice, as such a wait ends also with an event of bytes that were read before it.
            await tool.ReceiveAsync(Memory<byte>.Empty, either.Token);
            if (tool.Available == 0) await tool.ReceiveAsync(Memory<byte>.Empty, either.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return;
        }

        // Its end, too, is for who reads next.
        var available = Math.Min(tool.Available, MostBytes);
        if (available == 0) return;
        var words = new byte[available];
        All = words.AsMemory(0, await tool.ReceiveAsync(words, cancellationToken));
    }

    // RFC 8446 §5.1 and §4: a record of type handshake (22) whose first message is a ClientHello (1); no other may come before the server's. Data that TLS lets a client send
    // with it (0-RTT) is in records of its own.
    private static int HelloBytes(ReadOnlySpan<byte> words) =>
        words.Length > RecordHeaderBytes && words[0] == 22 && words[1] == 3 && words[RecordHeaderBytes] == 1
            ? Math.Min(words.Length, RecordHeaderBytes + ((words[3] << 8) | words[4]))
            : 0;
}
