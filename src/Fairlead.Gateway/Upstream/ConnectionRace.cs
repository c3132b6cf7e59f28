using System.Net;
using System.Net.Sockets;

namespace Fairlead.Gateway.Upstream;

/// <summary>
/// One connection out of several addresses, after RFC 8305: the families take turns, the next address is tried when the one before it failed or has not
/// answered for a moment, and the first that connects wins. What lost is closed before the winner is given out.
/// </summary>
internal sealed class ConnectionRace(TimeProvider time)
{
    // RFC 8305 §5: the recommended Connection Attempt Delay.
    private static readonly TimeSpan AttemptDelay = TimeSpan.FromMilliseconds(250);

    /// <summary>RFC 8305 §4: the resolver's order (RFC 6724), with the families interleaved, beginning with that of the first address.</summary>
    public static IEnumerable<IPEndPoint> Interleave(IReadOnlyList<IPEndPoint> addresses)
    {
        IPEndPoint[] first = [.. addresses.Where(a => a.AddressFamily == addresses[0].AddressFamily)];
        IPEndPoint[] other = [.. addresses.Where(a => a.AddressFamily != addresses[0].AddressFamily)];
        for (var i = 0; i < Math.Max(first.Length, other.Length); i++)
        {
            if (i < first.Length) yield return first[i];
            if (i < other.Length) yield return other[i];
        }
    }

    /// <summary>Most addresses that are tried: 16. A name with a hundred would be a scan.</summary>
    public const int MaxAddresses = 16;

    // Linux's numbers: IPPROTO_TCP, and TCP_USER_TIMEOUT of tcp(7), in milliseconds.
    private const int Tcp = 6;
    private const int TcpUserTimeout = 18;

    /// <summary>Connects.</summary>
    /// <param name="addresses">One or more, checked.</param>
    /// <param name="cancellationToken">Ends all attempts.</param>
    /// <exception cref="SocketException">Every address refused; the exception is that of the last to do so.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled first.</exception>
    public async Task<Socket> ConnectAsync(IReadOnlyList<IPEndPoint> addresses, CancellationToken cancellationToken)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var attempts = new List<Task<Socket>>();
        Socket? winner = null;
        try
        {
            using var left = Interleave(addresses).Take(MaxAddresses).GetEnumerator();
            var hasMore = left.MoveNext();
            SocketException? failure = null;
            while (winner is null && (hasMore || attempts.Count > 0))
            {
                if (hasMore)
                {
                    attempts.Add(ConnectAsync(left.Current, over.Token));
                    hasMore = left.MoveNext();
                }

                var ended = await FirstAsync(attempts, hasMore, over.Token);
                if (ended is null) continue;
                attempts.Remove(ended);
                try
                {
                    winner = await ended;
                }
                catch (SocketException e)
                {
                    failure = e;
                }
            }

            return winner ?? throw failure!;
        }
        finally
        {
            await over.CancelAsync();
            foreach (var loser in attempts) await CloseAsync(loser);
        }
    }

    /// <returns>The first attempt that ended, or null when it is time for the next.</returns>
    private async Task<Task<Socket>?> FirstAsync(List<Task<Socket>> attempts, bool hasMore, CancellationToken over)
    {
        var any = Task.WhenAny(attempts);
        if (!hasMore) return await any;
        using var waited = CancellationTokenSource.CreateLinkedTokenSource(over);
        var first = await Task.WhenAny(any, Task.Delay(AttemptDelay, time, waited.Token));
        await waited.CancelAsync();
        return first == any || over.IsCancellationRequested ? await any : null;
    }

    private static async Task<Socket> ConnectAsync(IPEndPoint address, CancellationToken cancellationToken)
    {
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            // A peer that has gone without a word is noticed within two minutes while nothing is sent, within one while something is.
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, 60);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, 15);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, 4);
            socket.SetRawSocketOption(Tcp, TcpUserTimeout, BitConverter.GetBytes(60_000));
            await socket.ConnectAsync(address, cancellationToken);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static async Task CloseAsync(Task<Socket> loser)
    {
        await loser.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        if (loser.IsCompletedSuccessfully) (await loser).Dispose();
    }
}
