using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Fairlead.Wire;

/// <summary>What the bytes collected so far are, as the head of a CONNECT request.</summary>
public enum ConnectHead
{
    /// <summary>The blank line has not come yet.</summary>
    Incomplete,

    /// <summary>8,193 bytes without a blank line.</summary>
    TooLong,

    /// <summary>A complete CONNECT head.</summary>
    Connect,

    /// <summary>A complete head that is not a CONNECT we understand: another method, version or form.</summary>
    Other,
}

/// <summary>The head of a CONNECT request, as a tool writes it to the relay and the relay to the gateway (RFC 9110 §9.3.6).</summary>
/// <param name="Target">The target as it was written, not checked yet: <see cref="HostPort.TryParse(string, out HostPort?, out string?)"/> does that.</param>
/// <param name="ProxyAuthorization">The value of the one Proxy-Authorization header, or null.</param>
public sealed record ConnectRequest(string Target, string? ProxyAuthorization)
{
    private static ReadOnlySpan<byte> BlankLine => "\r\n\r\n"u8;

    /// <summary>Looks at the bytes collected so far. Bytes behind the head are the tunnel's and must be kept.</summary>
    /// <param name="collected">Everything read from the connection so far.</param>
    /// <param name="request">The request, when the result is <see cref="ConnectHead.Connect"/>.</param>
    /// <param name="headBytes">Length of the head with its blank line; 0 while it is incomplete.</param>
    /// <param name="problem">What was expected and what came, when the result is <see cref="ConnectHead.Other"/> or <see cref="ConnectHead.TooLong"/>.</param>
    public static ConnectHead Parse(ReadOnlySpan<byte> collected, out ConnectRequest? request, out int headBytes, out string? problem)
    {
        request = null;
        problem = null;
        headBytes = 0;
        var window = collected[..Math.Min(collected.Length, Protocol.MaxHeadBytes)];
        var end = window.IndexOf(BlankLine);
        if (end < 0)
        {
            if (collected.Length < Protocol.MaxHeadBytes) return ConnectHead.Incomplete;
            problem = $"expected a blank line within {Protocol.MaxHeadBytes} bytes";
            return ConnectHead.TooLong;
        }

        headBytes = end + BlankLine.Length;
        // Latin-1 keeps every byte of the target as the tool wrote it.
        var lines = Encoding.Latin1.GetString(window[..end]).Split("\r\n");
        if (!TryReadRequestLine(lines[0], out var target, out problem)) return ConnectHead.Other;
        if (!TryReadHeaders(lines.AsSpan(1), out var authorization, out problem)) return ConnectHead.Other;
        request = new ConnectRequest(target, authorization);
        return ConnectHead.Connect;
    }

    /// <summary>Writes the head that opens a tunnel: the target, and the session's credentials as Basic.</summary>
    /// <param name="output">Where the bytes go.</param>
    /// <param name="target">The target as the tool wrote it.</param>
    /// <param name="userAndPassword"><c>session-id:token</c>, not yet encoded. Taken as bytes, so a token never has to be a string.</param>
    public static void Write(IBufferWriter<byte> output, string target, ReadOnlySpan<byte> userAndPassword)
    {
        output.Write("CONNECT "u8);
        output.Write(Encoding.Latin1.GetBytes(target));
        output.Write(" HTTP/1.1\r\nProxy-Authorization: Basic "u8);
        var encoded = output.GetSpan(System.Buffers.Text.Base64.GetMaxEncodedToUtf8Length(userAndPassword.Length));
        System.Buffers.Text.Base64.EncodeToUtf8(userAndPassword, encoded, out _, out var written);
        output.Advance(written);
        output.Write(BlankLine);
    }

    private static bool TryReadRequestLine(string line, [NotNullWhen(true)] out string? target, [NotNullWhen(false)] out string? problem)
    {
        target = null;
        problem = $"expected 'CONNECT host:port HTTP/1.1', got '{HostPort.Printable(line)}'";
        var parts = line.Split(' ');
        if (parts.Length != 3 || !parts[0].Equals("CONNECT", StringComparison.OrdinalIgnoreCase)) return false;
        if (parts[2] is not ("HTTP/1.1" or "HTTP/1.0")) return false;
        // A control byte in the target (a bare LF) would be a second header to a lenient reader behind us. A name of another script comes as punycode:
        // which encoding raw bytes are in is a guess, and guesses differ.
        if (parts[1].Length == 0 || parts[1].AsSpan().IndexOfAnyExceptInRange('!', '~') >= 0) return false;
        target = parts[1];
        problem = null;
        return true;
    }

    private static bool TryReadHeaders(ReadOnlySpan<string> lines, out string? authorization, [NotNullWhen(false)] out string? problem)
    {
        authorization = null;
        foreach (var line in lines)
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            // RFC 9112 §5.1 and §5.2: no space around the name, no folded line; RFC 9110 §5.5: no CR, LF or NUL in a value.
            if (colon <= 0 || line.AsSpan(0, colon).IndexOfAny(' ', '\t') >= 0 || line.AsSpan().IndexOfAny('\r', '\n', '\0') >= 0)
            {
                problem = $"expected 'Name: value', got a header line of {line.Length} bytes that is not one";
                return false;
            }

            if (!line.AsSpan(0, colon).Equals("Proxy-Authorization", StringComparison.OrdinalIgnoreCase)) continue;
            if (authorization is not null)
            {
                problem = "expected one Proxy-Authorization header, got two";
                return false;
            }

            authorization = line[(colon + 1)..].Trim(' ', '\t');
        }

        problem = null;
        return true;
    }
}
