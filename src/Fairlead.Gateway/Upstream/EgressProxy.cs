using System.Buffers;
using System.Globalization;
using System.Text;
using Fairlead.Gateway.Credentials;
using Fairlead.Gateway.Policy;
using Fairlead.Wire;

namespace Fairlead.Gateway.Upstream;

/// <summary>An HTTP proxy through which some hosts are reached, by CONNECT: the gateway's own way out of a network that has no other.</summary>
/// <param name="Address">Where the proxy is; null for hosts that are dialled directly although a later entry is about them.</param>
/// <param name="Hosts">Which hosts.</param>
internal sealed record EgressProxy(HostPort? Address, IReadOnlyList<HostPattern> Hosts)
{
    private const int MaxHeadBytes = 16 * 1024;

    /// <summary>True to resolve names here and give the proxy a checked address; false (default) to give it the name, which it resolves as it likes.</summary>
    public bool ResolvesHere { get; init; }

    /// <summary>The user for Basic (RFC 7617), or null.</summary>
    public string? User { get; init; }

    public Secret? Password { get; init; }

    public bool IsFor(HostPort destination)
    {
        foreach (var host in Hosts)
        {
            if (host.Matches(destination)) return true;
        }

        return false;
    }

    /// <summary>True when the other one does the same; a secret's value is not compared.</summary>
    public bool IsSameAs(EgressProxy other) =>
        Address == other.Address && ResolvesHere == other.ResolvesHere && User == other.User && Hosts.Select(h => h.Text).SequenceEqual(other.Hosts.Select(h => h.Text));

    /// <summary>Asks for a tunnel over a connection to the proxy. Afterwards the connection is the destination's.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="destination">Where to, for the words of a failure.</param>
    /// <param name="target">What the proxy is asked for: the destination, or its checked address.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="UpstreamException">The proxy refused, failed, or is none.</exception>
    public async Task OpenAsync(Stream connection, HostPort destination, string target, CancellationToken cancellationToken)
    {
        var credentials = User is null ? "" : $"Proxy-Authorization: Basic {Convert.ToBase64String(Encoding.UTF8.GetBytes($"{User}:{Password!.Reveal()}"))}\r\n";
        await connection.WriteAsync(Encoding.ASCII.GetBytes($"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{credentials}\r\n"), cancellationToken);
        var status = await ReadStatusAsync(connection, destination, cancellationToken);
        if (status is >= 200 and < 300) return;
        throw Fail(destination, status switch
        {
            407 when User is null => "it wants credentials (407), and upstream.proxies gives it none",
            407 => "it does not take the credentials of upstream.proxies (407)",
            403 => "it refuses this destination (403)",
            502 or 503 => $"it could not reach the destination ({status.ToString(CultureInfo.InvariantCulture)})",
            504 => "the destination did not answer it in time (504)",
            _ => $"it answered {status.ToString(CultureInfo.InvariantCulture)} to CONNECT",
        });
    }

    // RFC 9112 §4: HTTP-version SP 3DIGIT SP [ reason ]. Of the head only the status is of use, and nothing of it is shown: a proxy may echo what it was sent.
    private async Task<int> ReadStatusAsync(Stream connection, HostPort destination, CancellationToken cancellationToken)
    {
        var head = ArrayPool<byte>.Shared.Rent(MaxHeadBytes);
        try
        {
            for (var length = 0; ;)
            {
                var read = await connection.ReadAsync(head.AsMemory(length, MaxHeadBytes - length), cancellationToken);
                if (read == 0) throw Fail(destination, length == 0 ? "it closed the connection instead of an answer to CONNECT" : "it broke off its answer to CONNECT");
                length += read;
                var end = head.AsSpan(0, length).IndexOf("\r\n\r\n"u8);
                if (end < 0 && length < MaxHeadBytes) continue;
                if (end < 0) throw Fail(destination, $"the head of its answer to CONNECT has more than {MaxHeadBytes} bytes");
                if (!TryReadStatus(head.AsSpan(0, end), out var status)) throw Fail(destination, "its answer to CONNECT is not HTTP");
                // In TLS the client speaks first: bytes behind a 200 are nobody's.
                if (status is >= 200 and < 300 && length > end + 4) throw Fail(destination, "it sent bytes behind its answer to CONNECT before the destination was asked anything");
                return status;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(head);
        }
    }

    private static bool TryReadStatus(ReadOnlySpan<byte> head, out int status)
    {
        status = 0;
        if (head.Length < 12 || !(head.StartsWith("HTTP/1.1 "u8) || head.StartsWith("HTTP/1.0 "u8))) return false;
        if (head.Length > 12 && head[12] is not ((byte)' ' or (byte)'\r')) return false;
        return int.TryParse(head.Slice(9, 3), NumberStyles.None, CultureInfo.InvariantCulture, out status) && status >= 100;
    }

    private UpstreamException Fail(HostPort destination, string what) =>
        new(UpstreamFailure.Proxy, $"the gateway's proxy {Address} did not open a tunnel to {destination}: {what}");
}
