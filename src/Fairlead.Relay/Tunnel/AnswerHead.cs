using System.Globalization;
using System.Text;
using Fairlead.Wire;

namespace Fairlead.Relay.Tunnel;

/// <summary>The head of an HTTP answer that precedes a tunnel: a gateway's 101 or a proxy's 200, and the bytes that came with it.</summary>
internal sealed class AnswerHead
{
    /// <summary>Most bytes of a head: 16 KiB.</summary>
    public const int MaxBytes = 16 * 1024;

    private readonly Dictionary<string, string> _headers = new(StringComparer.OrdinalIgnoreCase);

    private AnswerHead(int status, ReadOnlyMemory<byte> rest) => (Status, Rest) = (status, rest);

    public int Status { get; }

    /// <summary>Bytes behind the head: they belong to the tunnel and are the first of it.</summary>
    public ReadOnlyMemory<byte> Rest { get; }

    /// <summary>A header's value, several joined by commas (RFC 9110 §5.3); null when it is absent.</summary>
    public string? Header(string name) => _headers.GetValueOrDefault(name);

    /// <summary>Retry-After (RFC 9110 §10.2.3) in its form of seconds, which is the one that ingresses send; null for none.</summary>
    public TimeSpan? RetryAfter =>
        int.TryParse(Header("Retry-After"), NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) ? TimeSpan.FromSeconds(seconds) : null;

    /// <summary>True for what an ingress says while it has nobody behind it: 502, 503, 504.</summary>
    public bool MayPass => Status is 502 or 503 or 504;

    /// <summary>True when a header is a comma-separated list that holds a word, in any case.</summary>
    public bool Lists(string name, string word) =>
        Header(name)?.Split(',', StringSplitOptions.TrimEntries).Contains(word, StringComparer.OrdinalIgnoreCase) ?? false;

    /// <summary>Reads up to the blank line.</summary>
    /// <param name="connection">What the answer comes from.</param>
    /// <param name="who">The hop, for messages: "the gateway gw.example.com:443".</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="DialException">The answer is no HTTP, too long, or ends early.</exception>
    public static async Task<AnswerHead> ReadAsync(Stream connection, string who, CancellationToken cancellationToken)
    {
        var bytes = new byte[MaxBytes];
        var length = 0;
        while (true)
        {
            var end = bytes.AsSpan(0, length).IndexOf("\r\n\r\n"u8);
            if (end >= 0) return Parse(bytes.AsMemory(0, end), bytes.AsMemory(end + 4, length - end - 4), who);
            if (length == bytes.Length) throw new DialException($"{who} sent more than {MaxBytes} bytes without a blank line");
            var read = await ReadSomeAsync(connection, bytes.AsMemory(length), who, cancellationToken);
            if (read == 0)
                throw new DialException(length == 0 ? $"{who} closed the connection without an answer" : $"{who} closed the connection within its answer") { MayPass = true };
            length += read;
        }
    }

    private static async Task<int> ReadSomeAsync(Stream connection, Memory<byte> buffer, string who, CancellationToken cancellationToken)
    {
        try
        {
            return await connection.ReadAsync(buffer, cancellationToken);
        }
        catch (IOException e)
        {
            throw new DialException($"{who} cut the connection before its answer", e) { MayPass = true };
        }
    }

    private static AnswerHead Parse(ReadOnlyMemory<byte> head, ReadOnlyMemory<byte> rest, string who)
    {
        var lines = Encoding.Latin1.GetString(head.Span).Split("\r\n");
        var status = lines[0];
        // RFC 9112 §4: "HTTP/1.1 101 Switching Protocols"; the reason may be empty.
        if (!status.StartsWith("HTTP/1.", StringComparison.Ordinal) || status.Length < 12 || status[8] != ' '
            || !int.TryParse(status.AsSpan(9, 3), NumberStyles.None, CultureInfo.InvariantCulture, out var code))
            throw new DialException($"{who} does not speak HTTP: expected a status line, got '{HostPort.Printable(status)}'");

        var answer = new AnswerHead(code, rest);
        foreach (var line in lines.AsSpan(1))
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon <= 0) throw new DialException($"{who} sent a header line that is not one");
            var value = line[(colon + 1)..].Trim(' ', '\t');
            if (!answer._headers.TryAdd(line[..colon], value)) answer._headers[line[..colon]] += ", " + value;
        }

        return answer;
    }
}
