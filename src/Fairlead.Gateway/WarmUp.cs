using System.IO.Pipelines;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Fairlead.Wire;

namespace Fairlead.Gateway;

/// <summary>
/// What every connection needs and takes a tenth of a second at first use: the system's roots read, OpenSSL set up, the code of a TLS handshake compiled. Done once beside the
/// start, on another core, with a certificate that is made for it and forgotten; no connection is opened.
/// </summary>
internal static class WarmUp
{
    private const string Name = "warm-up.invalid";
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    /// <summary>Both ends of one handshake, in memory. What does not work here is told where it is needed.</summary>
    /// <returns>True when it went through.</returns>
    public static async Task<bool> RunAsync()
    {
        try
        {
            _ = TlsBuffers.ReleaseWhenIdle();
            using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            var request = new CertificateRequest($"CN={Name}", key, HashAlgorithmName.SHA256);
            var names = new SubjectAlternativeNameBuilder();
            names.AddDnsName(Name);
            request.CertificateExtensions.Add(names.Build());
            var now = TimeProvider.System.GetUtcNow();
            using var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
            // This reads the system's roots.
            var context = SslStreamCertificateContext.Create(certificate, additionalCertificates: null, offline: true);
            await HandshakeAsync(certificate, context);
            return true;
        }
        catch (Exception e) when (e is AuthenticationException or CryptographicException or IOException or OperationCanceledException)
        {
            return false;
        }
    }

    private static async Task HandshakeAsync(X509Certificate2 certificate, SslStreamCertificateContext context)
    {
        var (up, down) = (new Pipe(), new Pipe());
        await using var client = new SslStream(new RecordStream(new Duplex(down.Reader, up.Writer)));
        await using var server = new SslStream(new RecordStream(new Duplex(up.Reader, down.Writer)));
        using var limit = new CancellationTokenSource(Limit);
        var accepting = server.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificateContext = context, ApplicationProtocols = [SslApplicationProtocol.Http11] }, limit.Token);
        var trust = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        trust.CustomTrustStore.Add(certificate);
        await client.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = Name, CertificateChainPolicy = trust, ApplicationProtocols = [SslApplicationProtocol.Http11] }, limit.Token);
        await accepting;
        await client.WriteAsync(new byte[1], limit.Token);
        await server.ReadExactlyAsync(new byte[1], limit.Token);
    }

    private sealed class Duplex(PipeReader reader, PipeWriter writer) : Stream
    {
        private readonly Stream _input = reader.AsStream();
        private readonly Stream _output = writer.AsStream();

        public override bool CanRead => true;

        public override bool CanWrite => true;

        public override bool CanSeek => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => _input.ReadAsync(buffer, cancellationToken);

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => _output.WriteAsync(buffer, cancellationToken);

        public override Task FlushAsync(CancellationToken cancellationToken) => _output.FlushAsync(cancellationToken);

        public override void Flush() => throw new NotSupportedException();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
