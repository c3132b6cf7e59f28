using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Fairlead.EndToEnd.Harness;

/// <summary>
/// A name server that says what a test wants, over UDP and, where an answer is too long for that, over TCP (RFC 1035 §4.2). Every answer may be kept for
/// zero seconds.
/// </summary>
internal sealed class DnsServer : IAsyncDisposable
{
    private const ushort A = 1;
    private const ushort Cname = 5;
    private const ushort Aaaa = 28;
    private const int MaxUdpBytes = 512;

    private readonly Func<string, int, DnsAnswer> _answer;
    private readonly Socket _udp;
    private readonly Socket _tcp;
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<string, int> _asked = new();
    private readonly Task _serving;

    /// <param name="place">Where it is asked, at <see cref="Address"/>.</param>
    /// <param name="answer">From a name in lower case, and how often its IPv4 addresses were asked for, 1 for the first time.</param>
    public DnsServer(NetworkNamespace place, Func<string, int, DnsAnswer> answer)
    {
        _answer = answer;
        _udp = place.Bind(new IPEndPoint(Address, 53), SocketType.Dgram);
        _tcp = place.Listen(new IPEndPoint(Address, 53));
        place.UseNameServer(Address);
        _serving = Task.WhenAll(ServeUdpAsync(), ServeTcpAsync());
    }

    public static IPAddress Address { get; } = IPAddress.Parse("127.0.0.53");

    /// <summary>How often the IPv4 addresses of a name were asked for.</summary>
    public int TimesAsked(string name) => _asked.GetValueOrDefault(name);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _serving;
        _udp.Dispose();
        _tcp.Dispose();
    }

    private async Task ServeUdpAsync()
    {
        var buffer = new byte[MaxUdpBytes];
        var replies = new List<Task>();
        try
        {
            while (true)
            {
                var received = await _udp.ReceiveFromAsync(buffer, new IPEndPoint(IPAddress.Any, 0), _stop.Token);
                replies.Add(ReplyAsync(buffer.AsSpan(0, received.ReceivedBytes).ToArray(), received.RemoteEndPoint));
            }
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(replies).ContinueWith(_ => { }, TaskScheduler.Default);
        }
    }

    private async Task ReplyAsync(byte[] query, EndPoint to)
    {
        var reply = await AnswerAsync(query);
        if (reply.Length > MaxUdpBytes)
        {
            // §4.1.1: TC, cut after the question.
            reply = reply[..(QuestionEnd(query))];
            reply[2] |= 2;
            reply.AsSpan(6, 6).Clear();
        }

        await _udp.SendToAsync(reply, to, _stop.Token);
    }

    private async Task ServeTcpAsync()
    {
        try
        {
            while (true)
            {
                using var connection = new NetworkStream(await _tcp.AcceptAsync(_stop.Token), ownsSocket: true);
                var length = new byte[2];
                // glibc asks for both families over one connection.
                while (await connection.ReadAtLeastAsync(length, 2, throwOnEndOfStream: false, _stop.Token) == 2)
                {
                    var query = new byte[BinaryPrimitives.ReadUInt16BigEndian(length)];
                    await connection.ReadExactlyAsync(query, _stop.Token);
                    var reply = await AnswerAsync(query);
                    await connection.WriteAsync((byte[])[(byte)(reply.Length >> 8), (byte)reply.Length, .. reply], _stop.Token);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The test is over.
        }
    }

    private async Task<byte[]> AnswerAsync(byte[] query)
    {
        var end = QuestionEnd(query);
        var name = NameOf(query);
        var type = BinaryPrimitives.ReadUInt16BigEndian(query.AsSpan(end - 4));
        var times = type == A ? _asked.AddOrUpdate(name, 1, (_, n) => n + 1) : Math.Max(TimesAsked(name), 1);
        var answer = _answer(name, times);
        await Task.Delay(answer.Delay, _stop.Token);

        var records = new List<byte[]>();
        if (answer.Alias is { } alias) records.Add(Record([0xc0, 12], Cname, Encode(alias)));
        var owner = answer.Alias is null ? [0xc0, 12] : Encode(answer.Alias);
        var family = type switch { A => AddressFamily.InterNetwork, Aaaa => AddressFamily.InterNetworkV6, _ => AddressFamily.Unspecified };
        records.AddRange(answer.Addresses.Where(a => a.AddressFamily == family).Select(a => Record(owner, type, a.GetAddressBytes())));
        // QR and RD; RA and the code; one question, and the answers.
        return [query[0], query[1], 0x81, (byte)(0x80 | answer.Code), 0, 1, (byte)(records.Count >> 8), (byte)records.Count, 0, 0, 0, 0, .. query[12..end], .. records.SelectMany(r => r)];
    }

    private static byte[] Record(byte[] owner, ushort type, byte[] data) =>
        [.. owner, (byte)(type >> 8), (byte)type, 0, 1, 0, 0, 0, 0, (byte)(data.Length >> 8), (byte)data.Length, .. data];

    private static byte[] Encode(string name) => [.. name.Split('.').SelectMany(label => (byte[])[(byte)label.Length, .. Encoding.ASCII.GetBytes(label)]), 0];

    private static string NameOf(byte[] query)
    {
        var labels = new List<string>();
        for (var at = 12; query[at] != 0; at += query[at] + 1) labels.Add(Encoding.ASCII.GetString(query, at + 1, query[at]).ToLowerInvariant());
        return string.Join('.', labels);
    }

    // The name, its type and class.
    private static int QuestionEnd(byte[] query)
    {
        var at = 12;
        while (query[at] != 0) at += query[at] + 1;
        return at + 5;
    }
}
