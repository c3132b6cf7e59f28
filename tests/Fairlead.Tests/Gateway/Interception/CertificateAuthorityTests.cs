using System.Diagnostics;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Fairlead.Gateway.Interception;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fairlead.Tests.Gateway.Interception;

public sealed class CertificateAuthorityTests : IDisposable
{
    private const UnixFileMode Owner = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly TempFolder _folder = new();
    private readonly FakeTimeProvider _time = new();

    private string Ca => _folder["ca"];

    private string KeyFile => Path.Combine(Ca, "ca.key");

    private string CertificateFile => Path.Combine(Ca, "ca.pem");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_key_is_for_the_owner_alone()
    {
        var authority = Open();

        Assert.Equal(Owner | UnixFileMode.UserExecute, File.GetUnixFileMode(Ca));
        Assert.Equal(Owner, File.GetUnixFileMode(KeyFile));
        Assert.Equal(["ca.key", "ca.lock", "ca.pem"], Directory.GetFiles(Ca).Select(Path.GetFileName).Order());
        Assert.DoesNotContain("PRIVATE", authority.RootPem, StringComparison.Ordinal);
        Assert.DoesNotContain("PRIVATE", File.ReadAllText(CertificateFile), StringComparison.Ordinal);
    }

    [Fact]
    public void The_root_is_kept_over_restarts()
    {
        var first = RootOf(Open());
        _time.Advance(TimeSpan.FromDays(300));
        var second = RootOf(Open());

        Assert.Equal(first.RawData, second.RawData);
    }

    [Fact]
    public void A_renewed_root_has_the_same_subject_and_key_id()
    {
        var first = RootOf(Open());
        _time.Advance(TimeSpan.FromDays(336));
        var second = RootOf(Open());

        Assert.NotEqual(first.RawData, second.RawData);
        Assert.Equal(first.SubjectName.RawData, second.SubjectName.RawData);
        Assert.Equal(KeyIdOf(first), KeyIdOf(second));
        Assert.Equal(first.PublicKey.EncodedKeyValue.RawData, second.PublicKey.EncodedKeyValue.RawData);
        Assert.True(second.NotAfter > first.NotAfter);
    }

    [Fact]
    public void A_lost_certificate_is_made_anew_from_the_key()
    {
        var first = RootOf(Open());
        File.Delete(CertificateFile);
        var second = RootOf(Open());

        Assert.Equal(first.Subject, second.Subject);
        Assert.Equal(KeyIdOf(first), KeyIdOf(second));
    }

    [Fact]
    public void Two_authorities_differ() => Assert.NotEqual(
        RootOf(Open()).Subject, RootOf(OpenIn("other")).Subject);

    [Fact]
    public void A_certificate_without_its_key_is_refused()
    {
        Open();
        File.Delete(KeyFile);

        Assert.Contains("has no ca.key beside it", Refusal(), StringComparison.Ordinal);
        Assert.False(File.Exists(KeyFile));
    }

    [Theory]
    [InlineData(UnixFileMode.GroupRead)]
    [InlineData(UnixFileMode.OtherRead)]
    [InlineData(UnixFileMode.GroupWrite)]
    [InlineData(UnixFileMode.OtherExecute)]
    public void A_key_that_others_can_touch_is_refused(UnixFileMode more)
    {
        Open();
        File.SetUnixFileMode(KeyFile, Owner | more);

        Assert.Contains("expected mode 0600", Refusal(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_certificate_of_another_key_is_refused()
    {
        Open();
        OpenIn("other");
        File.Copy(Path.Combine(_folder["other"], "ca.key"), KeyFile, overwrite: true);

        Assert.Contains("the certificate of the key beside it", Refusal(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("not a key")]
    [InlineData("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")]
    [InlineData("rsa")]
    [InlineData("p384")]
    [InlineData("public")]
    public void A_key_of_another_kind_is_refused(string content)
    {
        Open();
        File.Delete(CertificateFile);
        using var rsa = RSA.Create(2048);
        using var p384 = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        using var p256 = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        File.WriteAllText(KeyFile, content switch
        {
            "rsa" => rsa.ExportPkcs8PrivateKeyPem(),
            "p384" => p384.ExportPkcs8PrivateKeyPem(),
            "public" => p256.ExportSubjectPublicKeyInfoPem(),
            _ => content,
        });

        Assert.Contains("expected the PEM of an ECDSA P-256 key", Refusal(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("not a certificate")]
    [InlineData("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")]
    public void A_torn_certificate_is_refused(string content)
    {
        Open();
        File.WriteAllText(CertificateFile, content);

        Assert.Contains("expected in", Refusal(), StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_cut_start_left_does_not_matter()
    {
        Directory.CreateDirectory(Ca);
        File.WriteAllText(KeyFile + ".new", "half a key");

        Assert.NotEmpty(Open().RootPem);
    }

    [Theory]
    [InlineData("api.test", null)]
    [InlineData("192.0.2.1", "192.0.2.1")]
    [InlineData("2001:db8::1", "2001:db8::1")]
    [InlineData("xn--bcher-kva.test", null)]
    [InlineData("under_score.test", null)]
    [InlineData("_dmarc.test", null)]
    [InlineData("a--b.test", null)]
    [InlineData("xn--.test", null)]
    [InlineData("xn--zzzzzzzz99999.test", null)]
    [InlineData("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.test", null)]
    public async Task A_leaf_is_for_one_name_and_a_day(string host, string? address)
    {
        var authority = Open();
        using var leaf = await IssueAsync(authority, host, address is null ? null : IPAddress.Parse(address));

        var names = Assert.Single(leaf.Extensions.OfType<X509SubjectAlternativeNameExtension>());
        Assert.Equal(address is null ? [host] : [], names.EnumerateDnsNames());
        Assert.Equal(address is null ? [] : [address], names.EnumerateIPAddresses().Select(a => a.ToString()));
        Assert.Equal(_time.GetUtcNow().AddMinutes(-5), leaf.NotBefore.ToUniversalTime());
        Assert.Equal(_time.GetUtcNow().AddHours(24), leaf.NotAfter.ToUniversalTime());
        Assert.Equal("1.2.840.10045.3.1.7", leaf.GetECDsaPublicKey()!.ExportParameters(false).Curve.Oid.Value);
        Assert.True(leaf.HasPrivateKey);
        Assert.False(leaf.Extensions.OfType<X509BasicConstraintsExtension>().Single().CertificateAuthority);
        Assert.Equal("1.3.6.1.5.5.7.3.1", Assert.Single(leaf.Extensions.OfType<X509EnhancedKeyUsageExtension>()).EnhancedKeyUsages[0].Value);
        Assert.Equal(X509KeyUsageFlags.DigitalSignature, Assert.Single(leaf.Extensions.OfType<X509KeyUsageExtension>()).KeyUsages);
        Assert.InRange(leaf.SerialNumberBytes.Length, 8, 20);
    }

    [Fact]
    public async Task A_leaf_holds_against_the_root()
    {
        var authority = CertificateAuthority.OpenOrCreate(Ca, null, TimeProvider.System, NullLogger.Instance);
        using var leaf = await IssueAsync(authority, "api.test");
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(RootOf(authority));
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid("1.3.6.1.5.5.7.3.1"));

        Assert.True(chain.Build(leaf), string.Join(", ", chain.ChainStatus.Select(s => s.Status)));
        Assert.True(leaf.MatchesHostname("api.test"));
        Assert.False(leaf.MatchesHostname("www.api.test"));
    }

    [Fact]
    public async Task Openssl_agrees_and_is_strict_about_it()
    {
        var authority = CertificateAuthority.OpenOrCreate(Ca, null, TimeProvider.System, NullLogger.Instance);
        using var leaf = await IssueAsync(authority, "api.test");
        var leafFile = _folder.Write("leaf.pem", leaf.ExportCertificatePem());
        Process process;
        try
        {
            process = Process.Start(new ProcessStartInfo("openssl", ["verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", "api.test", "-CAfile", CertificateFile, leafFile])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            })!;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Skip("openssl is not installed");
            return;
        }

        using (process)
        {
            var said = await process.StandardOutput.ReadToEndAsync(Limits.Token) + await process.StandardError.ReadToEndAsync(Limits.Token);
            await process.WaitForExitAsync(Limits.Token);
            Assert.Equal($"{leafFile}: OK\n", said);
        }
    }

    [Fact]
    public async Task A_leaf_never_outlives_the_root()
    {
        var authority = Open();
        _time.Advance(TimeSpan.FromDays(365) - TimeSpan.FromHours(3));

        using var leaf = await IssueAsync(authority, "api.test");

        Assert.Equal(RootOf(authority).NotAfter, leaf.NotAfter);
    }

    [Fact]
    public void The_root_is_a_root_of_one_level_for_a_year()
    {
        var root = RootOf(Open());

        var constraints = root.Extensions.OfType<X509BasicConstraintsExtension>().Single();
        Assert.Equal((true, true, 0), (constraints.CertificateAuthority, constraints.HasPathLengthConstraint, constraints.PathLengthConstraint));
        Assert.Equal(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, root.Extensions.OfType<X509KeyUsageExtension>().Single().KeyUsages);
        Assert.Equal(_time.GetUtcNow().AddDays(365), root.NotAfter.ToUniversalTime());
    }

    private CertificateAuthority Open() => OpenIn("ca");

    private CertificateAuthority OpenIn(string folder) => CertificateAuthority.OpenOrCreate(_folder[folder], null, _time, NullLogger.Instance);

    private static Task<X509Certificate2> IssueAsync(CertificateAuthority authority, string host, IPAddress? address = null) => authority.IssueAsync(authority.Signing, host, address);

    private string Refusal() => Assert.Throws<InvalidDataException>((Func<object>)Open).Message;

    private static X509Certificate2 RootOf(CertificateAuthority authority) => X509Certificate2.CreateFromPem(authority.RootPem);

    private static string KeyIdOf(X509Certificate2 certificate) => certificate.Extensions.OfType<X509SubjectKeyIdentifierExtension>().Single().SubjectKeyIdentifier!;
}
