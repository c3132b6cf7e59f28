using System.Buffers.Binary;
using System.Text;

namespace Fairlead.Gateway.Interception;

/// <summary>
/// The first message of a TLS connection, read and not answered (RFC 8446 §4.1.2, RFC 6066 §3). Strict: whatever a server could read in another way is malformed.
/// <code>
/// record:    | 22 | 3 x | length | fragment |            one or more, RFC 8446 §5.1
/// message:   | 1 | length (24) | version | random (32) | 8: session id | 16: suites | 8: compression | 16: extensions |
/// extension: | type | 16: data |                         server_name: | 16: ( | 0 | 16: name | ) |
/// </code>
/// </summary>
/// <param name="ServerName">The name that is asked for, as sent; null when there is none.</param>
/// <param name="HidesName">True when it may carry another hello, with another name, that only the server can read.</param>
internal sealed record ClientHello(string? ServerName, bool HidesName)
{
    /// <summary>A hello with all its records must end within this: 16 KiB. Those of browsers with post-quantum keys have two.</summary>
    public const int MaxBytes = 16 * 1024;

    private const byte HandshakeRecord = 22;
    private const byte ClientHelloMessage = 1;
    private const int RecordHeadBytes = 5;
    private const int MessageHeadBytes = 4;
    private const ushort ServerNameExtension = 0;
    private const byte HostNameType = 0;

    // RFC 9849 §5, and the drafts before it (ESNI).
    private const ushort EncryptedClientHello = 0xfe0d;
    private const ushort EncryptedServerName = 0xffce;

    /// <summary>Reads the first bytes of a connection. What follows the hello in other records is not looked at.</summary>
    /// <param name="bytes">What came so far.</param>
    /// <param name="hello">The hello, when it is whole.</param>
    /// <param name="problem">What was expected and what came, when it is malformed.</param>
    public static HelloState Parse(ReadOnlySpan<byte> bytes, out ClientHello? hello, out string? problem)
    {
        hello = null;
        var isCut = bytes.Length > MaxBytes;
        if (isCut) bytes = bytes[..MaxBytes];
        var state = Join(bytes, out var message, out problem);
        if (state == HelloState.Incomplete && (isCut || bytes.Length == MaxBytes)) return Fail(out problem, $"expected a ClientHello of at most {MaxBytes} bytes");
        if (state != HelloState.Whole) return state;
        return TryRead(message, out hello, out problem) ? HelloState.Whole : HelloState.Malformed;
    }

    /// <summary>Joins the fragments of the first message. Every byte that is there is checked at once, so that another protocol is found out without waiting.</summary>
    private static HelloState Join(ReadOnlySpan<byte> bytes, out byte[] message, out string? problem)
    {
        message = [];
        problem = null;
        var joined = new byte[bytes.Length];
        var length = 0;
        for (var at = 0; at < bytes.Length;)
        {
            var record = bytes[at..];
            if (record[0] != HandshakeRecord) return Fail(out problem, $"expected a TLS handshake record (22), got {record[0]}");
            if (record.Length > 1 && record[1] != 3) return Fail(out problem, $"expected a record of TLS, version 3.x, got {record[1]}.x");
            if (record.Length < RecordHeadBytes) return HelloState.Incomplete;
            var bytesInRecord = BinaryPrimitives.ReadUInt16BigEndian(record[3..]);
            // §5.1: no empty fragments of handshake messages, and 2^14 bytes at most.
            if (bytesInRecord is 0 or > 1 << 14) return Fail(out problem, $"expected a record of 1 to 16384 bytes, got {bytesInRecord}");
            var fragment = record[RecordHeadBytes..Math.Min(record.Length, RecordHeadBytes + bytesInRecord)];
            fragment.CopyTo(joined.AsSpan(length));
            length += fragment.Length;
            at += RecordHeadBytes + bytesInRecord;
            if (length > 0 && joined[0] != ClientHelloMessage) return Fail(out problem, $"expected a ClientHello (1), got message {joined[0]}");
            if (length < MessageHeadBytes) continue;
            var whole = MessageHeadBytes + ((joined[1] << 16) | (joined[2] << 8) | joined[3]);
            if (whole > MaxBytes) return Fail(out problem, $"expected a ClientHello of at most {MaxBytes} bytes, got {whole}");
            if (length < whole) continue;
            // §4.1.2: it is the only message of its flight, so nothing follows it in its record.
            if (length > whole || fragment.Length < bytesInRecord) return Fail(out problem, "expected nothing behind the ClientHello in its record");
            message = joined[MessageHeadBytes..whole];
            return HelloState.Whole;
        }

        return HelloState.Incomplete;
    }

    private static bool TryRead(ReadOnlySpan<byte> message, out ClientHello? hello, out string? problem)
    {
        hello = null;
        problem = null;
        var rest = message;
        if (rest.Length < 34 || rest[0] != 3) return Fails(out problem, "expected a version 3.x and 32 random bytes");
        rest = rest[34..];
        if (!TryTakeShort(ref rest, out var session) || session.Length > 32) return Fails(out problem, "expected a session id of at most 32 bytes");
        if (!TryTake(ref rest, out var suites) || suites.Length < 2 || suites.Length % 2 != 0) return Fails(out problem, "expected a list of cipher suites");
        if (!TryTakeShort(ref rest, out var compressions) || !compressions.Contains((byte)0)) return Fails(out problem, "expected a list of compression methods with 'none' in it");
        if (rest.IsEmpty)
        {
            hello = new ClientHello(null, HidesName: false);
            return true;
        }

        if (!TryTake(ref rest, out var extensions) || !rest.IsEmpty) return Fails(out problem, "expected extensions and nothing behind them");
        return TryReadExtensions(extensions, out hello, out problem);
    }

    private static bool TryReadExtensions(ReadOnlySpan<byte> rest, out ClientHello? hello, out string? problem)
    {
        hello = null;
        string? name = null;
        var hidesName = false;
        var seen = new HashSet<ushort>();
        while (!rest.IsEmpty)
        {
            if (rest.Length < 2) return Fails(out problem, "expected an extension, got half a type");
            var type = BinaryPrimitives.ReadUInt16BigEndian(rest);
            rest = rest[2..];
            if (!TryTake(ref rest, out var data)) return Fails(out problem, $"the extension {type} is longer than the hello");
            // §4.2: not more than one of a type.
            if (!seen.Add(type)) return Fails(out problem, $"the extension {type} is there twice");
            hidesName |= type is EncryptedClientHello or EncryptedServerName;
            if (type == ServerNameExtension && !TryReadServerName(data, out name, out problem)) return false;
        }

        problem = null;
        hello = new ClientHello(name, hidesName);
        return true;
    }

    // RFC 6066 §3: a list that holds one name of each type, and there is one type.
    private static bool TryReadServerName(ReadOnlySpan<byte> data, out string? name, out string? problem)
    {
        name = null;
        problem = null;
        if (!TryTake(ref data, out var list) || !data.IsEmpty || list.IsEmpty || list[0] != HostNameType) return Fails(out problem, "expected a server name of type host_name");
        list = list[1..];
        if (!TryTake(ref list, out var text) || !list.IsEmpty || text.IsEmpty) return Fails(out problem, "expected one server name that is not empty");
        if (text.IndexOfAnyExceptInRange((byte)'!', (byte)'~') >= 0) return Fails(out problem, "expected a server name in visible ASCII");
        name = Encoding.ASCII.GetString(text);
        return true;
    }

    // | length | data |
    private static bool TryTakeShort(ref ReadOnlySpan<byte> rest, out ReadOnlySpan<byte> taken) => TryTake(ref rest, 1, rest.IsEmpty ? 0 : rest[0], out taken);

    // | length (16) | data |
    private static bool TryTake(ref ReadOnlySpan<byte> rest, out ReadOnlySpan<byte> taken) =>
        TryTake(ref rest, 2, rest.Length < 2 ? 0 : BinaryPrimitives.ReadUInt16BigEndian(rest), out taken);

    private static bool TryTake(ref ReadOnlySpan<byte> rest, int headBytes, int length, out ReadOnlySpan<byte> taken)
    {
        taken = default;
        if (rest.Length < headBytes + length) return false;
        taken = rest.Slice(headBytes, length);
        rest = rest[(headBytes + length)..];
        return true;
    }

    private static HelloState Fail(out string problem, string text)
    {
        problem = text;
        return HelloState.Malformed;
    }

    private static bool Fails(out string? problem, string text)
    {
        problem = text;
        return false;
    }
}
