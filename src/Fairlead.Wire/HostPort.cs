using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Fairlead.Wire;

/// <summary>
/// A destination that was checked: a canonical host name (lower case, punycode, no trailing dot) or a literal address, and a port.
/// Two spellings of one destination are equal. What is not plainly a name or an address is refused, so nothing behind this type has to look again.
/// </summary>
public sealed record HostPort
{
    private static readonly IdnMapping Idn = new() { UseStd3AsciiRules = false, AllowUnassigned = false };

    private static readonly SearchValues<char> HexDigits = SearchValues.Create("0123456789abcdef");

    private HostPort(string host, int port, IPAddress? address) => (Host, Port, Address) = (host, port, address);

    /// <summary>The canonical host: <c>api.example.com</c>, <c>192.0.2.1</c> or, without brackets, <c>2001:db8::1</c>.</summary>
    public string Host { get; }

    /// <summary>1 to 65,535.</summary>
    public int Port { get; }

    /// <summary>The literal address, or null when <see cref="Host"/> is a name.</summary>
    public IPAddress? Address { get; }

    /// <summary>The host as a URI or a Host header writes it: an IPv6 address in brackets.</summary>
    public string UriHost => Address?.AddressFamily == AddressFamily.InterNetworkV6 ? $"[{Host}]" : Host;

    /// <summary><c>host:port</c>, an IPv6 address in brackets.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{UriHost}:{Port}");

    /// <summary>Two destinations are equal when host and port are.</summary>
    public bool Equals(HostPort? other) => other is not null && Port == other.Port && Host == other.Host;

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Host, Port);

    /// <summary>Reads <c>host:port</c>, the authority-form of RFC 9112 §3.2.3; the port is required.</summary>
    /// <param name="authority">What the client wrote.</param>
    /// <param name="destination">The checked destination.</param>
    /// <param name="problem">What was expected and what came, when the result is false.</param>
    public static bool TryParse(string authority, [NotNullWhen(true)] out HostPort? destination, [NotNullWhen(false)] out string? problem) =>
        TryParse(authority, defaultPort: null, out destination, out problem);

    /// <summary>Reads <c>host[:port]</c>, the form of a Host header (RFC 9110 §7.2).</summary>
    /// <param name="authority">What the client wrote.</param>
    /// <param name="defaultPort">The port that is meant when none is written; null requires one.</param>
    /// <param name="destination">The checked destination.</param>
    /// <param name="problem">What was expected and what came, when the result is false.</param>
    public static bool TryParse(
        string authority, int? defaultPort, [NotNullWhen(true)] out HostPort? destination, [NotNullWhen(false)] out string? problem)
    {
        destination = null;
        var colon = authority.LastIndexOf(':');
        // In "[2001:db8::1]" the last colon belongs to the address.
        if (colon >= 0 && authority.IndexOf(']', colon) >= 0) colon = -1;
        string host;
        int port;
        if (colon < 0)
        {
            if (defaultPort is null) return Fail(out problem, $"expected host:port, got '{Printable(authority)}' without a port");
            (host, port) = (authority, defaultPort.Value);
        }
        else
        {
            host = authority[..colon];
            if (!TryParsePort(authority.AsSpan(colon + 1), out port))
                return Fail(out problem, $"expected a port from 1 to 65535, got '{Printable(authority[(colon + 1)..])}'");
        }

        var isBracketed = host.StartsWith('[') && host.EndsWith(']');
        if (isBracketed)
        {
            host = host[1..^1];
            if (!host.Contains(':', StringComparison.Ordinal))
                return Fail(out problem, $"expected an IPv6 address in brackets, got '{Printable(host)}'");
        }
        else if (host.Contains(':', StringComparison.Ordinal))
        {
            return Fail(out problem, $"expected an IPv6 address to stand in brackets, got '{Printable(host)}'");
        }

        return TryCreate(host, port, out destination, out problem);
    }

    /// <summary>Checks a host (a name, or an address without brackets) and a port that came apart, as in the structured form of CONNECT.</summary>
    /// <param name="host">The host as the client wrote it.</param>
    /// <param name="port">The port as the client wrote it.</param>
    /// <param name="destination">The checked destination.</param>
    /// <param name="problem">What was expected and what came, when the result is false.</param>
    public static bool TryCreate(string host, int port, [NotNullWhen(true)] out HostPort? destination, [NotNullWhen(false)] out string? problem)
    {
        destination = null;
        if (port is < 1 or > 65535) return Fail(out problem, $"expected a port from 1 to 65535, got {port}");
        if (!TryCanonicalHost(host, out var canonical, out var address, out problem)) return false;
        destination = new HostPort(canonical, port, address);
        return true;
    }

    /// <summary>Checks a host alone and gives its canonical form.</summary>
    /// <param name="host">A name, or an address without brackets.</param>
    /// <param name="canonical">Lower case, punycode, no trailing dot.</param>
    /// <param name="address">The address when it is a literal one.</param>
    /// <param name="problem">What was expected and what came, when the result is false.</param>
    public static bool TryCanonicalHost(
        string host, [NotNullWhen(true)] out string? canonical, out IPAddress? address, [NotNullWhen(false)] out string? problem)
    {
        canonical = null;
        address = null;
        if (host.Length is 0 or > 1024) return Fail(out problem, $"expected a host name of 1 to 253 characters, got {host.Length}");

        if (host.Contains(':', StringComparison.Ordinal)) return TryIPv6(host, out canonical, out address, out problem);

        if (!Ascii.IsValid(host))
        {
            // RFC 5891: a name of another script travels as punycode; the result is checked like any other name.
            // Without ICU, IdnMapping folds no case and refuses no character, so both are done here.
            host = host.ToLowerInvariant();
            foreach (var rune in host.EnumerateRunes())
            {
                if (!rune.IsAscii && !IsIdnDot(rune) && !IsIdnLetter(rune))
                    return Fail(out problem, $"expected letters and digits in a host name, got '{Printable(host)}'");
            }

            try
            {
                host = Idn.GetAscii(host);
            }
            catch (ArgumentException)
            {
                return Fail(out problem, $"expected a host name that IDNA can encode, got '{Printable(host)}'");
            }
        }

        var name = host.ToLowerInvariant();
        if (name.EndsWith('.')) name = name[..^1];
        if (name.Length is 0 or > 253) return Fail(out problem, $"expected a host name of 1 to 253 characters, got {name.Length}");
        foreach (var label in name.Split('.'))
        {
            if (label.Length is 0 or > 63) return Fail(out problem, $"expected labels of 1 to 63 characters in '{Printable(name)}'");
            if (label[0] == '-' || label[^1] == '-') return Fail(out problem, $"a label must not begin or end with '-' in '{Printable(name)}'");
            foreach (var c in label)
            {
                if (!char.IsAsciiLetterLower(c) && !char.IsAsciiDigit(c) && c is not ('-' or '_'))
                    return Fail(out problem, $"expected letters, digits, '-', '_' and '.' in a host name, got '{Printable(name)}'");
            }
        }

        // A name whose last label is a number is an address to many resolvers (127.1, 0x7f.1, 2130706433).
        // One spelling of an IPv4 address is accepted, the canonical one; the others are refused.
        var last = name[(name.LastIndexOf('.') + 1)..];
        if (IsNumber(last))
        {
            if (!IPAddress.TryParse(name, out var v4) || v4.AddressFamily != AddressFamily.InterNetwork || v4.ToString() != name)
                return Fail(out problem, $"expected an IPv4 address as four decimal numbers, got '{Printable(name)}'");
            address = v4;
        }

        canonical = name;
        problem = null;
        return true;
    }

    private static bool TryIPv6(string host, out string? canonical, out IPAddress? address, [NotNullWhen(false)] out string? problem)
    {
        canonical = null;
        address = null;
        foreach (var c in host)
        {
            // No zone ("%eth0"): it names an interface of the machine that dials, which is nobody's business outside it.
            if (!char.IsAsciiHexDigit(c) && c is not (':' or '.'))
                return Fail(out problem, $"expected an IPv6 address without a zone, got '{Printable(host)}'");
        }

        if (!IPAddress.TryParse(host, out var v6) || v6.AddressFamily != AddressFamily.InterNetworkV6)
            return Fail(out problem, $"expected an IPv6 address, got '{Printable(host)}'");
        address = v6;
        canonical = v6.ToString();
        problem = null;
        return true;
    }

    // RFC 3490 §3.1: the ideographic, the full-width and the half-width full stop separate labels like '.'.
    private static bool IsIdnDot(Rune rune) => rune.Value is '\u3002' or '\uff0e' or '\uff61';

    // RFC 5892 §2.1: letters, digits and marks. §2.2: no other spelling of a character, as the half- and full-width forms are.
    private static bool IsIdnLetter(Rune rune) => rune.Value is not (>= 0xff00 and <= 0xffef) && Rune.GetUnicodeCategory(rune)
        is UnicodeCategory.LowercaseLetter or UnicodeCategory.OtherLetter or UnicodeCategory.ModifierLetter
        or UnicodeCategory.DecimalDigitNumber or UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark;

    private static bool IsNumber(string label)
    {
        if (label.StartsWith("0x", StringComparison.Ordinal)) return label.AsSpan(2).IndexOfAnyExcept(HexDigits) < 0;
        return label.AsSpan().IndexOfAnyExceptInRange('0', '9') < 0;
    }

    private static bool TryParsePort(ReadOnlySpan<char> text, out int port)
    {
        port = 0;
        if (text.Length is 0 or > 5) return false;
        foreach (var c in text)
        {
            if (!char.IsAsciiDigit(c)) return false;
            port = (port * 10) + (c - '0');
        }

        return port is >= 1 and <= 65535;
    }

    private static bool Fail([NotNullWhen(false)] out string? problem, string text)
    {
        problem = text;
        return false;
    }

    /// <summary>Makes hostile text harmless for a message: control and non-ASCII characters become <c>\uXXXX</c>, 80 characters at most.</summary>
    /// <param name="text">What came.</param>
    public static string Printable(string text) => PrintableUpTo(text, 80);

    /// <summary>The same with a limit of the caller's choice.</summary>
    /// <param name="text">What came.</param>
    /// <param name="maxCharacters">How many of its characters are kept.</param>
    public static string PrintableUpTo(string text, int maxCharacters)
    {
        var shown = text.Length > maxCharacters ? text[..maxCharacters] : text;
        var result = new StringBuilder(shown.Length);
        foreach (var c in shown)
        {
            if (c is >= ' ' and <= '~') result.Append(c);
            else result.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
        }

        return text.Length > maxCharacters ? result.Append("...").ToString() : result.ToString();
    }
}
