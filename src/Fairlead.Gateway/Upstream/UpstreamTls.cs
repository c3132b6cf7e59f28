using System.Net.Security;
using System.Security.Authentication;
using Fairlead.Gateway.Credentials;
using Fairlead.Wire;

namespace Fairlead.Gateway.Upstream;

/// <summary>TLS with an upstream: verified for its canonical name, or a sentence that says what is wrong.</summary>
internal static class UpstreamTls
{
    // Well below a full record (RFC 8446 §5.1), which RecordStream holds back until it is told that all is there; what is shorter it holds back for nobody.
    private const int MayBeHeldBytes = 8 * 1024;

    // What a piece of a body becomes: an upstream that reads slowly makes us keep as much for each request, so it is no more.
    private const int PieceBytes = 32 * 1024;

    // Reasons of OpenSSL (ERR_reason_error_string) and words of SslStream, and what they mean to somebody who does not know TLS.
    private static readonly (string Reason, string Meaning)[] Reasons =
    [
        ("wrong version number", "it does not speak TLS on this port"),
        ("http request", "it speaks plain HTTP on this port"),
        ("Cannot determine the frame size", "it does not speak TLS on this port"),
        ("unexpected EOF", "it closed the connection in the middle of the handshake"),
        ("packet length too long", "it does not speak TLS on this port"),
        ("unsupported protocol", "it speaks only a version of TLS below 1.2"),
        ("alert protocol version", "it speaks only a version of TLS below 1.2"),
        ("alert handshake failure", "it and the gateway have no way of encryption in common, or it wants a client certificate"),
        ("no protocols available", "it speaks only a version of TLS below 1.2"),
        ("excessive message size", "its certificates take more than 100 KB"),
        ("alert unrecognized name", "it knows no site of this name"),
        ("alert certificate required", "it wants a client certificate"),
        ("dh key too small", "its key exchange is too weak"),
        ("no application protocol", "it speaks neither HTTP/1.1 nor HTTP/2"),
        ("wrong signature type", "it signs by an algorithm that is too weak"),
        ("key too small", "a key of its certificates is too small"),
        ("md too weak", "a signature of its certificates can be forged"),
    ];

    /// <summary>Does the handshake.</summary>
    /// <param name="connection">A connection to the destination; it becomes the result's, or is closed.</param>
    /// <param name="destination">Its host is the name that the certificate must be for.</param>
    /// <param name="offersHttp2">True to offer h2 beside http/1.1 by ALPN.</param>
    /// <param name="certificate">What the upstream is shown when it asks for it, or null.</param>
    /// <param name="options">Roots and limits.</param>
    /// <param name="time">The clock that says what "expired" means.</param>
    /// <param name="cancellationToken">Ends it when nobody waits any more.</param>
    /// <exception cref="UpstreamException">It failed.</exception>
    public static async Task<SslStream> AuthenticateAsync(
        Stream connection, HostPort destination, bool offersHttp2, ClientCertificate? certificate, UpstreamOptions options, TimeProvider time, CancellationToken cancellationToken)
    {
        var trust = new UpstreamTrust(options.ExtraRoots, destination.Host, time);
        var stream = new MergingSslStream(new RecordStream(connection, mostHeld: PieceBytes));
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(options.HandshakeTimeout);
        try
        {
            await stream.AuthenticateAsClientAsync(
                new SslClientAuthenticationOptions
                {
                    TargetHost = destination.Host,
                    EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
                    ApplicationProtocols = offersHttp2 ? [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11] : [SslApplicationProtocol.Http11],
                    CertificateChainPolicy = UpstreamTrust.SystemRoots(),
                    RemoteCertificateValidationCallback = trust.Accepts,
                    ClientCertificateContext = certificate?.Context,
                    AllowRenegotiation = false,
                },
                limit.Token);
            return stream;
        }
        catch (Exception e)
        {
            await stream.DisposeAsync();
            cancellationToken.ThrowIfCancellationRequested();
            throw e switch
            {
                AuthenticationException when trust.Problem is not null => new UpstreamException(UpstreamFailure.Tls, $"TLS with {destination} failed: {trust.Problem}", e),
                AuthenticationException or IOException => new UpstreamException(UpstreamFailure.Tls, $"TLS with {destination} failed: {Meaning(e)}", e),
                OperationCanceledException => new UpstreamException(UpstreamFailure.ConnectTimeout, $"the TLS handshake with {destination} took longer than {options.HandshakeTimeout.TotalSeconds} s", e),
                _ => e,
            };
        }
    }

    private static string Meaning(Exception e)
    {
        while (e.InnerException is not null) e = e.InnerException;
        var known = Reasons.FirstOrDefault(r => e.Message.Contains(r.Reason, StringComparison.OrdinalIgnoreCase));
        return known.Meaning is null ? HostPort.PrintableUpTo(e.Message, 200) : $"{known.Meaning} ({known.Reason})";
    }

    /// <summary>The records of one write are sent as one: HttpClient takes an SslStream for TLS that is open already, and never flushes it.</summary>
    private sealed class MergingSslStream(Stream inner) : SslStream(inner, leaveInnerStreamOpen: false)
    {
        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await base.WriteAsync(buffer, cancellationToken);
            if (buffer.Length >= MayBeHeldBytes) await FlushAsync(cancellationToken);
        }
    }
}
