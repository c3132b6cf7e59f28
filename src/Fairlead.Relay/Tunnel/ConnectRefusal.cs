using System.Globalization;
using System.Text;
using Fairlead.Wire;

namespace Fairlead.Relay.Tunnel;

/// <summary>A gateway's answer to CONNECT that is no 200, as it passes by on its way to the tool.</summary>
/// <param name="Status">403, 407, 502 and so on.</param>
/// <param name="Kind">Which hop refused or failed.</param>
/// <param name="Message">The first line of its body, or what the status says.</param>
internal sealed record ConnectRefusal(int Status, NoticeKind Kind, string Message)
{
    private const int MaxBytes = 4096;

    /// <summary>Reads the first bytes that come from the gateway.</summary>
    /// <returns>Null for 2xx and for what is no answer of HTTP.</returns>
    public static ConnectRefusal? Read(ReadOnlySpan<byte> first)
    {
        if (!first.StartsWith("HTTP/1."u8) || first.Length < 12 || first[9] == '2') return null;
        var text = Encoding.Latin1.GetString(first[..Math.Min(first.Length, MaxBytes)]);
        if (!int.TryParse(text.AsSpan(9, 3), NumberStyles.None, CultureInfo.InvariantCulture, out var status)) return null;

        var blank = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        var head = blank < 0 ? text : text[..blank];
        var line = blank < 0 ? "" : text[(blank + 4)..].Split('\n', 2)[0].Trim();
        var said = line.StartsWith("fairlead: ", StringComparison.Ordinal) ? line["fairlead: ".Length..] : line;
        var reason = head.Split("\r\n").FirstOrDefault(header => header.StartsWith(Protocol.ReasonHeader + ":", StringComparison.OrdinalIgnoreCase));
        return new ConnectRefusal(
            status,
            reason is null ? KindOf(status) : Notice.KindOf(reason[(Protocol.ReasonHeader.Length + 1)..].Trim()),
            said.Length > 0 ? HostPort.PrintableUpTo(said, 400) : $"the gateway answered CONNECT with status {status}.");
    }

    // What a gateway that gives no reason usually means.
    private static NoticeKind KindOf(int status) => status switch
    {
        401 or 407 => NoticeKind.Auth,
        403 => NoticeKind.Policy,
        502 => NoticeKind.Connect,
        504 => NoticeKind.Timeout,
        >= 500 => NoticeKind.Gateway,
        _ => NoticeKind.Request,
    };
}
