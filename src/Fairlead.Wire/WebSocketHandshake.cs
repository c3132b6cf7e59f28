using System.Security.Cryptography;
using System.Text;

namespace Fairlead.Wire;

/// <summary>The two values by which both ends of a WebSocket upgrade recognise each other (RFC 6455 §4).</summary>
public static class WebSocketHandshake
{
    /// <summary>The one version of the protocol, as <c>Sec-WebSocket-Version</c> carries it.</summary>
    public const string Version = "13";

    /// <summary>A fresh value for <c>Sec-WebSocket-Key</c>: 16 random bytes in Base64 (§4.1).</summary>
    public static string CreateKey() => Convert.ToBase64String(RandomNumberGenerator.GetBytes(16));

    /// <summary>True for a <c>Sec-WebSocket-Key</c> that is 16 bytes in Base64 (§4.2.1).</summary>
    /// <param name="key">What the client sent.</param>
    public static bool IsKey(string key)
    {
        Span<byte> bytes = stackalloc byte[18];
        return key.Length == 24 && Convert.TryFromBase64String(key, bytes, out var written) && written == 16;
    }

    /// <summary>The <c>Sec-WebSocket-Accept</c> that answers a key: SHA-1 of the key and a fixed GUID, in Base64 (§4.2.2).</summary>
    /// <param name="key">What the client sent.</param>
    public static string AcceptFor(string key)
    {
#pragma warning disable CA5350 // RFC 6455 names SHA-1; it proves that the peer speaks WebSocket and guards nothing.
        return Convert.ToBase64String(SHA1.HashData(Encoding.ASCII.GetBytes(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));
#pragma warning restore CA5350
    }
}
