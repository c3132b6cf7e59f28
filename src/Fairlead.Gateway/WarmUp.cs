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
            using var certificate = CertificateFor(Name);
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

    /// <summary>A certificate that nobody but its maker trusts, for as long as it is held.</summary>
    public static X509Certificate2 CertificateFor(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(name);
        request.CertificateExtensions.Add(names.Build());
        var now = TimeProvider.System.GetUtcNow();
        return request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
    }

    /// <summary>Trust in that certificate alone.</summary>
    public static X509ChainPolicy TrustIn(X509Certificate2 certificate)
    {
        var trust = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        trust.CustomTrustStore.Add(certificate);
        return trust;
    }

    private static async Task HandshakeAsync(X509Certificate2 certificate, SslStreamCertificateContext context)
    {
        var (near, far) = InMemoryConnection.Pair();
        await using var client = new SslStream(new RecordStream(near));
        await using var server = new SslStream(new RecordStream(far));
        using var limit = new CancellationTokenSource(Limit);
        var accepting = server.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificateContext = context, ApplicationProtocols = [SslApplicationProtocol.Http11] }, limit.Token);
        await client.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = Name, CertificateChainPolicy = TrustIn(certificate), ApplicationProtocols = [SslApplicationProtocol.Http11] }, limit.Token);
        await accepting;
        await client.WriteAsync(new byte[1], limit.Token);
        await server.ReadExactlyAsync(new byte[1], limit.Token);
    }
}
