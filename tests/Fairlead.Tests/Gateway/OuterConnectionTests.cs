using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Fairlead.Gateway;
using Fairlead.Gateway.Audit;
using Fairlead.Gateway.Configuration;
using Fairlead.Gateway.Interception;
using Fairlead.Gateway.Sessions;
using Fairlead.Wire;

namespace Fairlead.Tests.Gateway;

public sealed class OuterConnectionTests
{
    [Fact]
    public async Task Bytes_that_came_with_the_upgrade_belong_to_the_tunnel()
    {
        await using var edge = await Edge.StartAsync();
        using var frames = new MemoryStream();
        await using (var first = new TunnelStream(frames, TunnelEnd.Relay, peerKnowsEndOfData: true, TimeProvider.System))
            await first.WriteAsync(Encoding.Latin1.GetBytes(Workload.ConnectHead("fairlead.test:443")), Limits.Token);
        var upgrade = Encoding.Latin1.GetBytes($"GET {Protocol.WebSocketPath} HTTP/1.1\r\nHost: gateway\r\n{Workload.UpgradeHeaders()}\r\n");

        await using var stream = await edge.ConnectAsync();
        await stream.WriteAsync(upgrade.Concat(frames.ToArray()).ToArray(), Limits.Token);
        Assert.Equal(101, (await Reply.ReadAsync(stream)).Status);
        await using var tunnel = new TunnelStream(stream, TunnelEnd.Relay, peerKnowsEndOfData: true, TimeProvider.System);

        Assert.StartsWith("HTTP/1.1 200", await Reply.ReadHeadAsync(tunnel), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_chain_behind_the_gateways_certificate_is_sent()
    {
        using var folder = new TempFolder();
        using var rootKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var issuerKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var now = DateTimeOffset.UtcNow;
        using var root = CaOf("CN=root", rootKey).CreateSelfSigned(now.AddDays(-1), now.AddDays(9));
        using var issuer = CaOf("CN=issuer", issuerKey).Create(root, now.AddDays(-1), now.AddDays(8), [1]);
        using var issuerWithKey = issuer.CopyWithPrivateKey(issuerKey);
        var request = new CertificateRequest("CN=gateway.test", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("gateway.test");
        request.CertificateExtensions.Add(names.Build());
        using var leaf = request.Create(issuerWithKey, now.AddDays(-1), now.AddDays(7), [2]);
        File.WriteAllText(folder["chain.pem"], leaf.ExportCertificatePem() + "\n" + issuer.ExportCertificatePem() + "\n");
        File.WriteAllText(folder["key.pem"], key.ExportPkcs8PrivateKeyPem());
        await using var app = await GatewayApp.StartAsync(
            new GatewayOptions
            {
                Listen = new(new IPEndPoint(IPAddress.Loopback, 0), "", folder["chain.pem"], folder["key.pem"]),
                Ca = new CaOptions { Directory = folder["ca"] },
                Audit = new AuditOptions(folder["audit.jsonl"]),
                SessionSet = new SessionSet([Edge.SessionOf("s1", Edge.Token)]),
            },
            Microsoft.Extensions.Logging.LogLevel.Warning,
            Limits.Token);

        var address = new Uri(app.Address);
        Assert.Equal("https", address.Scheme);
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, address.Port, Limits.Token);
        await using var tls = new SslStream(client.GetStream());
        await tls.AuthenticateAsClientAsync(
            new SslClientAuthenticationOptions
            {
                TargetHost = "gateway.test",
                CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, CustomTrustStore = { root }, RevocationMode = X509RevocationMode.NoCheck, DisableCertificateDownloads = true },
            },
            Limits.Token);
        await tls.WriteAsync("GET /v1/code/upstreamproxy/ca-cert HTTP/1.1\r\nHost: gateway.test\r\nConnection: close\r\n\r\n"u8.ToArray(), Limits.Token);

        Assert.Equal(200, (await Reply.ReadAsync(tls)).Status);
    }

    private static CertificateRequest CaOf(string name, ECDsa key)
    {
        var request = new CertificateRequest(name, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, 0, critical: true));
        return request;
    }
}
