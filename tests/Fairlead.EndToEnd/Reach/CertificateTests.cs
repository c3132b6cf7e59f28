using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Reach;

/// <summary>nginx with good and bad certificates: what curl reads behind relay and gateway.</summary>
public sealed class CertificateTests
{
    [Fact]
    public async Task What_is_wrong_with_an_upstreams_TLS_is_told_in_words_and_no_request_is_sent()
    {
        await using var nginx = await NginxSites.StartAsync(Limits.Token());
        await using var site = await Site.StartAsync(new SiteOptions
        {
            ExtraCa = nginx.RootPem,
            Resolve = nginx.Resolve,
            Rules = [.. NginxSites.Names.Select(name => $"allow * {name}.nginx.test")],
        });

        foreach (var (name, said) in new[]
        {
            ("expired", "its certificate expired on 20"),
            ("wrong", "its certificate is not for wrong.nginx.test but for another.nginx.test"),
            ("selfsigned", "its certificate is self-signed: 'CN=selfsigned.nginx.test' vouches for itself, and no trusted root does"),
            ("stranger", "its certificate was issued by 'CN=Nobody's nginx CA', which no trusted root vouches for"),
            ("oldtls", "it speaks only a version of TLS below 1.2"),
            ("weak", "it and the gateway have no way of encryption in common"),
            ("plain", "it "),
        })
        {
            var result = (await site.RunAsync("curl", "-sSi", "-H", "X-Nginx-Key: FAKE-canary", $"https://{name}.nginx.test/{name}")).Succeeded();
            Assert.True(result.Stdout.Contains("HTTP/2 502", StringComparison.Ordinal) && result.Stdout.Contains($"(TLS): TLS with {name}.nginx.test:443 failed: {said}", StringComparison.Ordinal), $"{name}: {result.Stdout}");
            TestContext.Current.TestOutputHelper?.WriteLine(result.Stdout);
        }

        Assert.Equal("from nginx", (await site.RunAsync("curl", "-sS", "-H", "X-Nginx-Key: FAKE-canary", "https://good.nginx.test/good")).Succeeded().Stdout);
        Assert.Equal("GET /good HTTP/1.1 FAKE-canary", Assert.Single(nginx.Requests.Split('\n'), line => line.Contains("FAKE", StringComparison.Ordinal))[5..]);
        await site.Audit.WaitForAsync(7, r => AuditLog.Text(r, "outcome") == "upstream_tls", Limits.Token());
    }
}
