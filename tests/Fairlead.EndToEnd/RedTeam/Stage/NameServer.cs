using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Fairlead.EndToEnd.RedTeam.Stage;

/// <summary>A server of names (RFC 1035) that says what a case wants: addresses of both families, mixed, and others when it is asked again.</summary>
internal static class NameServer
{
    public static void Serve(Socket socket, IReadOnlyDictionary<string, string> names)
    {
        var asked = new ConcurrentDictionary<string, int>();
        _ = Task.Run(async () =>
        {
            var query = new byte[512];
            try
            {
                while (true)
                {
                    var received = await socket.ReceiveFromAsync(query, new IPEndPoint(IPAddress.Any, 0));
                    var answer = Answer(query.AsSpan(0, received.ReceivedBytes), names, asked);
                    await socket.SendToAsync(answer, received.RemoteEndPoint);
                }
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // The island is gone.
            }
        });
    }

    private static byte[] Answer(ReadOnlySpan<byte> query, IReadOnlyDictionary<string, string> names, ConcurrentDictionary<string, int> asked)
    {
        var at = 12;
        var labels = new List<string>();
        for (; query[at] != 0; at += query[at] + 1) labels.Add(Encoding.Latin1.GetString(query.Slice(at + 1, query[at])));
        var name = string.Join('.', labels).ToLowerInvariant();
        var type = BinaryPrimitives.ReadUInt16BigEndian(query[(at + 1)..]);
        var question = query[12..(at + 5)].ToArray();

        IPAddress[] addresses = [];
        var isKnown = names.TryGetValue(name, out var said);
        if (isKnown)
        {
            // The first two questions are those for both families of one look-up.
            var turns = said!.Split(" then ");
            var turn = asked.AddOrUpdate(name, 1, (_, count) => count + 1) <= 2 ? 0 : turns.Length - 1;
            var family = type == 1 ? AddressFamily.InterNetwork : AddressFamily.InterNetworkV6;
            addresses = type is 1 or 28 ? [.. turns[turn].Split(' ').Select(IPAddress.Parse).Where(a => a.AddressFamily == family)] : [];
        }

        var answer = new List<byte> { query[0], query[1], 0x81, (byte)(isKnown ? 0x80 : 0x83), 0, 1, 0, (byte)addresses.Length, 0, 0, 0, 0 };
        answer.AddRange(question);
        foreach (var address in addresses)
        {
            var bytes = address.GetAddressBytes();
            answer.AddRange([0xc0, 12, 0, (byte)type, 0, 1, 0, 0, 0, 0, 0, (byte)bytes.Length, .. bytes]);
        }

        return [.. answer];
    }
}
