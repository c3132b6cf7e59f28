using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using Fairlead.Relay.Tunnel;
using Fairlead.Wire;

namespace Fairlead.Relay.Doctor;

/// <summary>Asks for https://fairlead.test/ through the relay as a tool does, and keeps what a tool would not say: who signed the certificate, and what time the gateway has.</summary>
internal sealed class SelfTest
{
    private const int MaxBytes = 64 * 1024;

    /// <summary>The status of the answer to CONNECT; 0 when there was none.</summary>
    public int ConnectStatus { get; private init; }

    /// <summary>Why there is no tunnel or no TLS, without a full stop; null when both are there.</summary>
    public string? Problem { get; private init; }

    /// <summary>The gateway's leaf, or null.</summary>
    public X509Certificate2? Leaf { get; private init; }

    /// <summary>Certificates that came with the leaf.</summary>
    public X509Certificate2Collection Sent { get; private init; } = [];

    /// <summary>The body of the answer; null when it is not the gateway's self-test.</summary>
    public SelfTestAnswer? Answer { get; private init; }

    /// <summary>Asks once.</summary>
    /// <param name="port">The relay's port on 127.0.0.1.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    public static async Task<SelfTest> RunAsync(int port, CancellationToken cancellationToken)
    {
        try
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port), cancellationToken);
            await using var connection = new NetworkStream(socket);
            await connection.WriteAsync(Encoding.ASCII.GetBytes($"CONNECT {Protocol.SelfTestHost}:443 HTTP/1.1\r\nHost: {Protocol.SelfTestHost}:443\r\n\r\n"), cancellationToken);
            var answer = await AnswerHead.ReadAsync(connection, "the relay", cancellationToken);
            var inside = PrefixedStream.Over(connection, answer.Rest);
            return answer.Status == 200
                ? await AskInsideAsync(inside, cancellationToken)
                : new SelfTest { ConnectStatus = answer.Status, Problem = Sentence(await ReadToEndAsync(inside, cancellationToken), answer.Status) };
        }
        catch (Exception e) when (e is IOException or SocketException or AuthenticationException)
        {
            return new SelfTest { Problem = $"asking for {Protocol.SelfTestHost} through the relay failed: {e.Message}" };
        }
    }

    /// <summary>The self-test's answer in a text that may hold more; null when it is not there.</summary>
    public static SelfTestAnswer? Find(string text)
    {
        var start = text.IndexOf("{\"fairlead\":\"self-test\"", StringComparison.Ordinal);
        var end = start < 0 ? -1 : text.IndexOf('}', start);
        if (end < 0) return null;
        try
        {
            var json = JsonDocument.Parse(text[start..(end + 1)]).RootElement;
            return new SelfTestAnswer(
                HostPort.Printable(json.GetProperty("gateway_version").GetString() ?? ""),
                HostPort.Printable(json.GetProperty("session").GetString() ?? ""),
                json.GetProperty("time").GetDateTimeOffset());
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or FormatException or InvalidOperationException)
        {
            return null;
        }
    }

    private static async Task<SelfTest> AskInsideAsync(Stream inside, CancellationToken cancellationToken)
    {
        X509Certificate2? leaf = null;
        var sent = new X509Certificate2Collection();
        await using var tls = new SslStream(inside, leaveInnerStreamOpen: true);
        await tls.AuthenticateAsClientAsync(
            new SslClientAuthenticationOptions
            {
                TargetHost = Protocol.SelfTestHost,
                ApplicationProtocols = [SslApplicationProtocol.Http11],
                CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
                // Nothing secret is asked or sent. Who signed it is judged afterwards, by the bundle that tools are told to trust, so that a fault can be named.
#pragma warning disable CA5359
                RemoteCertificateValidationCallback = (_, certificate, chain, _) =>
                {
                    if (certificate is X509Certificate2 known) leaf = X509CertificateLoader.LoadCertificate(known.RawData);
                    foreach (var element in chain?.ChainPolicy.ExtraStore ?? []) sent.Add(X509CertificateLoader.LoadCertificate(element.RawData));
                    return true;
                },
#pragma warning restore CA5359
            },
            cancellationToken);
        await tls.WriteAsync(Encoding.ASCII.GetBytes($"GET / HTTP/1.1\r\nHost: {Protocol.SelfTestHost}\r\nConnection: close\r\n\r\n"), cancellationToken);
        var answer = Find(await ReadToEndAsync(tls, cancellationToken));
        return new SelfTest
        {
            ConnectStatus = 200,
            Leaf = leaf,
            Sent = sent,
            Answer = answer,
            Problem = answer is null ? $"the gateway does not answer for {Protocol.SelfTestHost}: it is of an older version, or of another make" : null,
        };
    }

    private static string Sentence(string body, int status)
    {
        var line = body.Split('\n', 2)[0].Trim().TrimEnd('.');
        if (line.StartsWith("fairlead: ", StringComparison.Ordinal)) line = line["fairlead: ".Length..];
        return line.Length > 0 ? HostPort.PrintableUpTo(line, 400) : string.Create(CultureInfo.InvariantCulture, $"CONNECT was answered with status {status}");
    }

    private static async Task<string> ReadToEndAsync(Stream stream, CancellationToken cancellationToken)
    {
        var bytes = new byte[MaxBytes];
        var length = await stream.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, cancellationToken);
        return Encoding.UTF8.GetString(bytes, 0, length);
    }
}

/// <summary>What the gateway said of itself.</summary>
/// <param name="GatewayVersion">Its version.</param>
/// <param name="Session">Whom it takes us for.</param>
/// <param name="Time">Its clock.</param>
internal sealed record SelfTestAnswer(string GatewayVersion, string Session, DateTimeOffset Time);
