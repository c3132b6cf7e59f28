using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Fairlead.Gateway.Policy;
using Fairlead.Gateway.Upstream;
using Fairlead.Wire;

namespace Fairlead.Tests.Gateway.Upstream;

/// <summary>None of these is accepted, nobody is sent a byte behind the handshake, and each is told in words.</summary>
public sealed class UpstreamTrustTests : IDisposable
{
    private readonly BadCertificates _certificates = new();

    public void Dispose() => _certificates.Dispose();

    [Theory]
    [InlineData("good")]
    [InlineData("good rsa")]
    [InlineData("good wildcard")]
    [InlineData("good 1000 names")]
    public async Task A_certificate_that_holds_is_accepted(string kind)
    {
        var (leaf, sent) = _certificates.Make(kind);
        await using var origin = Serve(leaf, sent, async tls => await tls.WriteAsync("hello"u8.ToArray(), Limits.Token));

        await using var stream = await Dialer(origin.EndPoint).DialAsync("s1", To(), AddressExceptions.None, offersHttp2: false, null, Limits.Token);

        Assert.Equal("hello", await Reply.ReadToEndAsync(stream));
    }

    [Theory]
    [InlineData("expired", "its certificate expired on DATE-10 00:00 UTC")]
    [InlineData("not yet valid", "its certificate is not valid before DATE+10 00:00 UTC")]
    [InlineData("wrong host", "its certificate is not for api.test but for other.test, www.other.test")]
    [InlineData("a thousand wrong names", "its certificate is not for api.test but for n0.test, n1.test, n2.test, n3.test, n4.test and 995 more")]
    [InlineData("wildcard above", "its certificate is not for api.test but for *.api.test, *.*, *")]
    [InlineData("no name but in the subject", "its certificate is not for api.test but for no host at all (it has no subject alternative name)")]
    [InlineData("a mail address as alternative name", "its certificate is not for api.test but for no host at all")]
    [InlineData("NUL in the name", @"its certificate is not for api.test but for api.test\u0000.evil.test")]
    [InlineData("NUL in the subject", "its certificate is not for api.test but for no host at all")]
    [InlineData("self-signed", "its certificate is self-signed: 'CN=Just Me' vouches for itself, and no trusted root does")]
    [InlineData("untrusted root", "its certificate was issued by 'CN=Nobody's Root', which no trusted root vouches for")]
    [InlineData("untrusted root not sent", "its certificate was issued by 'CN=Nobody's Root', which no trusted root vouches for: the certificate of 'CN=Nobody's Root' is neither trusted nor sent by the server")]
    [InlineData("incomplete chain", "its certificate was issued by 'CN=Good Intermediate', which no trusted root vouches for: the certificate of 'CN=Good Intermediate' is neither trusted nor sent by the server")]
    [InlineData("expired intermediate", "the certificate of its issuer 'CN=Old Intermediate' expired on DATE-10 00:00 UTC")]
    [InlineData("intermediate that is no authority", "its certificate was issued by 'CN=Not An Authority', whose own certificate is not one of a certificate authority")]
    [InlineData("leaf as issuer", "its certificate was issued by 'CN=Another Leaf', ")]
    [InlineData("path too long", "its certificate was issued by 'CN=Below The End', ")]
    [InlineData("client only", "its certificate, or one of its issuers', is not for servers: extended key usage")]
    [InlineData("intermediate for clients only", "its certificate, or one of its issuers', is not for servers: extended key usage")]
    [InlineData("name constraints", "its certificate is for names that its issuers may not vouch for: name constraints of 'CN=Constrained' or above")]
    [InlineData("forged signature", "its certificate ")]
    public async Task A_certificate_that_does_not_hold_is_refused_and_the_reason_told(string kind, string said)
    {
        var (leaf, sent) = _certificates.Make(kind);
        var received = new StringBuilder();
        await using var origin = Serve(leaf, sent, async tls => received.Append(await Reply.ReadToEndAsync(tls)));

        var failure = await Assert.ThrowsAsync<UpstreamException>(() => Dialer(origin.EndPoint).DialAsync("s1", To(), AddressExceptions.None, offersHttp2: false, null, Limits.Token));
        await origin.DisposeAsync();

        Assert.Equal(UpstreamFailure.Tls, failure.Failure);
        var now = TimeProvider.System.GetUtcNow();
        said = said.Replace("DATE-10", Day(now.AddDays(-10)), StringComparison.Ordinal).Replace("DATE+10", Day(now.AddDays(10)), StringComparison.Ordinal);
        Assert.StartsWith($"TLS with api.test:443 failed: {said}", failure.Message, StringComparison.Ordinal);
        Assert.Equal("", received.ToString());
        TestContext.Current.TestOutputHelper?.WriteLine(failure.Message);
    }

    /// <summary>A certificate says where its issuer's is to be had. To go there would be a dial that nobody guarded.</summary>
    [Fact]
    public async Task Nothing_is_downloaded_to_complete_a_chain()
    {
        using var ca = new OriginCa("CN=Somebody Else");
        await using var canary = new RawOrigin(_ => Task.CompletedTask);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=leaf", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(BadCertificates.Host);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509AuthorityInformationAccessExtension(
            [$"http://{canary.EndPoint}/ocsp"], [$"http://{canary.EndPoint}/issuer.crt"], critical: false));
        var now = TimeProvider.System.GetUtcNow();
        using var signed = request.Create(ca.Root, now.AddHours(-1), now.AddHours(1), RandomNumberGenerator.GetBytes(8));
        using var leaf = signed.CopyWithPrivateKey(key);
        await using var origin = Serve(leaf, [], _ => Task.CompletedTask);

        await Assert.ThrowsAsync<UpstreamException>(() => Dialer(origin.EndPoint).DialAsync("s1", To(), AddressExceptions.None, offersHttp2: false, null, Limits.Token));

        Assert.Equal(0, canary.Connections);
    }

    [Fact]
    public async Task Ten_thousand_names_are_too_many()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=leaf", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        for (var i = 0; i < 10_000; i++) names.AddDnsName($"number-{i}.test");
        request.CertificateExtensions.Add(names.Build());
        var now = TimeProvider.System.GetUtcNow();
        using var huge = request.CreateSelfSigned(now.AddHours(-1), now.AddHours(1));
        await using var origin = Serve(huge, [], _ => Task.CompletedTask);

        var failure = await Assert.ThrowsAsync<UpstreamException>(() => Dialer(origin.EndPoint).DialAsync("s1", To(), AddressExceptions.None, offersHttp2: false, null, Limits.Token));

        Assert.Equal("TLS with api.test:443 failed: its certificates take more than 100 KB (excessive message size)", failure.Message);
    }

    /// <summary>No .NET server shows such a certificate, so OpenSSL's does.</summary>
    [Theory]
    [InlineData("SHA-1", "its certificate is signed with SHA-1, which can be forged")]
    [InlineData("SHA-1 intermediate", "the certificate of its issuer 'CN=SHA-1 Signed' is signed with SHA-1, which can be forged")]
    [InlineData("RSA of 1024 bits", "its certificate has an RSA key of 1024 bits, expected 2048 or more")]
    [InlineData("intermediate of 1024 bits", "the certificate of its issuer 'CN=Small Intermediate' has an RSA key of 1024 bits")]
    public async Task A_certificate_that_can_be_forged_is_refused(string kind, string said)
    {
        var failure = await FailAtOpenSslAsync(kind, "-cipher ALL:@SECLEVEL=0");

        Assert.Equal(UpstreamFailure.Tls, failure.Failure);
        Assert.Contains(said, failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("-tls1_1 -cipher ALL:@SECLEVEL=0", "it speaks only a version of TLS below 1.2")]
    [InlineData("-tls1 -cipher ALL:@SECLEVEL=0", "it speaks only a version of TLS below 1.2")]
    [InlineData("-tls1_2 -cipher NULL-SHA256:@SECLEVEL=0", "it and the gateway have no way of encryption in common")]
    [InlineData("-tls1_2 -cipher aNULL:@SECLEVEL=0", "it and the gateway have no way of encryption in common")]
    public async Task A_server_whose_TLS_is_too_weak_is_told(string options, string said)
    {
        var failure = await FailAtOpenSslAsync("good", options);

        Assert.Equal(UpstreamFailure.Tls, failure.Failure);
        Assert.StartsWith($"TLS with api.test:443 failed: {said}", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_of_plain_HTTP_is_told()
    {
        await using var origin = new RawOrigin(async stream =>
        {
            await stream.WriteAsync("HTTP/1.1 400 Bad Request\r\n\r\n"u8.ToArray(), Limits.Token);
            await Reply.ReadToEndAsync(stream);
        });

        var failure = await Assert.ThrowsAsync<UpstreamException>(() => Dialer(origin.EndPoint).DialAsync("s1", To(), AddressExceptions.None, offersHttp2: false, null, Limits.Token));

        Assert.Contains("it does not speak TLS on this port", failure.Message, StringComparison.Ordinal);
    }

    private static RawOrigin Serve(X509Certificate2 leaf, X509Certificate2Collection sent, Func<SslStream, Task> serve)
    {
        var context = SslStreamCertificateContext.Create(leaf, sent, offline: true);
        return new RawOrigin(async stream =>
        {
            await using var tls = new SslStream(stream);
            await tls.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificateContext = context }, Limits.Token);
            await serve(tls);
            await tls.ShutdownAsync();
        });
    }

    private async Task<UpstreamException> FailAtOpenSslAsync(string kind, string options)
    {
        using var folder = new TempFolder();
        var (leaf, sent) = _certificates.Make(kind);
        using var key = (AsymmetricAlgorithm?)leaf.GetECDsaPrivateKey() ?? leaf.GetRSAPrivateKey()!;
        folder.Write("leaf.pem", leaf.ExportCertificatePem());
        folder.Write("leaf.key", key.ExportPkcs8PrivateKeyPem());
        folder.Write("sent.pem", sent.ExportCertificatePems());
        var start = new ProcessStartInfo("openssl", ["s_server", "-accept", "127.0.0.1:0", "-cert", folder["leaf.pem"], "-key", folder["leaf.key"], "-cert_chain", folder["sent.pem"], .. options.Split(' ')])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var openssl = Process.Start(start)!;
        try
        {
            string? line;
            do line = await openssl.StandardOutput.ReadLineAsync(Limits.Token) ?? throw new InvalidOperationException(await openssl.StandardError.ReadToEndAsync(Limits.Token));
            while (!line.StartsWith("ACCEPT 127.0.0.1:", StringComparison.Ordinal));
            var port = int.Parse(line.Split(':')[1], CultureInfo.InvariantCulture);

            return await Assert.ThrowsAsync<UpstreamException>(() => Dialer(new IPEndPoint(IPAddress.Loopback, port)).DialAsync("s1", To(), AddressExceptions.None, offersHttp2: false, null, Limits.Token));
        }
        finally
        {
            openssl.Kill();
            await openssl.WaitForExitAsync(Limits.Token);
        }
    }

    private UpstreamDialer Dialer(IPEndPoint endPoint) => new(
        new UpstreamOptions { ExtraRoots = [_certificates.Root], Resolve = new Dictionary<string, IPEndPoint> { [BadCertificates.Host] = endPoint } }, new OwnListeners(), TimeProvider.System);

    private static HostPort To() => HostPort.TryCreate(BadCertificates.Host, 443, out var destination, out var problem) ? destination : throw new InvalidOperationException(problem);

    private static string Day(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
}
