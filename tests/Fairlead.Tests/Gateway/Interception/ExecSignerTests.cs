using System.Diagnostics;
using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Fairlead.Gateway.Interception;
using Fairlead.Wire;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fairlead.Tests.Gateway.Interception;

public sealed class ExecSignerTests : IDisposable
{
    private const string Sign = "openssl dgst -sha256 -sign \"$1\"";

    private readonly TempFolder _folder = new();
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP384);
    private readonly X509Certificate2 _root;

    public ExecSignerTests()
    {
        var request = new CertificateRequest("CN=Held elsewhere", _key, HashAlgorithmName.SHA384);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        _root = request.CreateSelfSigned(TimeProvider.System.GetUtcNow().AddDays(-1), TimeProvider.System.GetUtcNow().AddDays(1));
        _folder.Write("root.pem", _root.ExportCertificatePem());
        _folder.Write("root.key", _key.ExportPkcs8PrivateKeyPem());
    }

    public void Dispose()
    {
        _root.Dispose();
        _key.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData(Sign, false)]
    [InlineData("openssl pkeyutl -sign -inkey \"$1\" -in /dev/stdin", true)]
    public async Task Openssl_signs_and_clients_trust_what_comes_of_it(string script, bool wantsDigest)
    {
        using var ca = new OriginCa();
        await using var origin = await Origin.StartAsync(ca);
        await using var edge = await StartAsync(script, wantsDigest, origin, ca);

        var workload = await Workload.OpenAsync(edge);
        var reply = await workload.GetAsync();
        await workload.CloseAsync();

        Assert.Equal(200, reply.Status);
        Assert.Equal(_root.RawData, (await edge.RootAsync()).RawData);
        Assert.Equal(["completed", "completed"], (await edge.StopAsync()).Select(r => r.GetProperty("outcome").GetString()));
    }

    [Theory]
    [InlineData("echo 'no such slot' >&2; exit 3", "the signer ended with 3: no such slot")]
    [InlineData("echo garbage", "gave 8 bytes that are no signature by the key of the CA's certificate")]
    [InlineData("openssl ecparam -genkey -name prime256v1 -out \"$1.other\" && openssl dgst -sha256 -sign \"$1.other\"", "that are no signature by the key")]
    [InlineData("openssl dgst -sha512 -sign \"$1\"", "that are no signature by the key")]
    [InlineData("head -c 100000000 /dev/zero", "gave more than 1024 bytes")]
    [InlineData("exec /nowhere/signer", "the signer ended with 127")]
    [InlineData("true", "gave 0 bytes that are no signature")]
    public async Task Without_a_signature_there_is_no_leaf_and_the_audit_says_why(string script, string why)
    {
        await using var edge = await StartAsync(script);
        var workload = await Workload.ConnectAsync(edge);

        await Assert.ThrowsAnyAsync<Exception>(() => workload.StartTlsAsync(Edge.Host, _root, SslApplicationProtocol.Http11));
        await workload.DisposeAsync();
        var record = Assert.Single(await edge.StopAsync());

        Assert.Equal("tls_failed", record.GetProperty("outcome").GetString());
        Assert.Contains(why, record.GetProperty("detail").GetString(), StringComparison.Ordinal);
        Audit.AuditSchema.AssertHolds(record);
    }

    [Fact]
    public async Task A_signer_that_hangs_is_ended_and_leaves_that_are_there_go_on()
    {
        using var ca = new OriginCa();
        await using var origin = await Origin.StartAsync(ca);
        await using var edge = await StartAsync($"test -e \"$1.slow\" && exec sleep 300; {Sign}", false, origin, ca);
        await (await Workload.OpenAsync(edge)).CloseAsync();
        _folder.Write("root.key.slow", "");

        var hanging = await Workload.ConnectAsync(edge, "other.test:443");
        await Assert.ThrowsAnyAsync<Exception>(() => hanging.StartTlsAsync("other.test", _root, SslApplicationProtocol.Http11));
        var again = await Workload.OpenAsync(edge);
        var reply = await again.GetAsync();
        await again.CloseAsync();
        await hanging.DisposeAsync();

        Assert.Equal(200, reply.Status);
        var failed = Assert.Single(await edge.StopAsync(), r => r.GetProperty("outcome").GetString() == "tls_failed");
        Assert.Contains("gave no signature within 5 s", failed.GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.DoesNotContain(Process.GetProcessesByName("sleep"), p => File.ReadAllText($"/proc/{p.Id}/cmdline") == "sleep\u0000300\u0000" && ParentOf(p.Id) == Environment.ProcessId);
    }

    [Fact]
    public async Task Sixty_four_tunnels_at_once_to_one_host_cost_one_run()
    {
        var authorities = new CertificateAuthorities(new CaOptions { Held = [Held($"echo run >> \"$1.runs\"; sleep 0.5; {Sign}", false)] }, TimeProvider.System, NullLogger.Instance);
        var leaves = new LeafCertificates(authorities, TimeProvider.System, NullLogger.Instance);
        Assert.True(HostPort.TryParse("api.test:443", out var destination, out _));

        var found = await Task.WhenAll(Enumerable.Range(0, 64).Select(_ => Task.Run(() => leaves.ForAsync(destination, "s1", couldBeAllowed: true), Limits.Token)));

        Assert.Single(found.Distinct());
        Assert.Equal("run\n", File.ReadAllText(_folder["root.key.runs"]));
    }

    [Fact]
    public async Task Signers_that_hang_hold_no_thread_and_those_behind_them_are_told_in_time()
    {
        var signer = new ExecSigner(["sleep", "300"], false, _key, [], TimeProvider.System);
        var began = TimeProvider.System.GetTimestamp();

        var failures = await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => Assert.ThrowsAsync<SigningException>(() => signer.SignAsync([1]))));

        Assert.Equal(100, failures.Count(f => f.Message is "gave no signature within 5 s" or "was busy with 8 others for 5 s"));
        Assert.True(TimeProvider.System.GetElapsedTime(began) < Limits.Test);
    }

    [Fact]
    public async Task Who_failed_once_may_sign_the_next_time()
    {
        using var ca = new OriginCa();
        await using var origin = await Origin.StartAsync(ca);
        await using var edge = await StartAsync($"test -e \"$1.good\" || exit 1; {Sign}", false, origin, ca);
        var first = await Workload.ConnectAsync(edge);
        await Assert.ThrowsAnyAsync<Exception>(() => first.StartTlsAsync(Edge.Host, _root, SslApplicationProtocol.Http11));
        await first.DisposeAsync();
        _folder.Write("root.key.good", "");

        var second = await Workload.OpenAsync(edge);

        Assert.Equal(200, (await second.GetAsync()).Status);
        await second.CloseAsync();
    }

    [Fact]
    public async Task The_program_does_not_see_the_gateways_secrets()
    {
        Environment.SetEnvironmentVariable("FAIRLEAD_TEST_SIGNER_SECRET", "FAKE-secret");
        var signer = new ExecSigner(["sh", "-c", "env >&2; exit 1"], false, _key, ["FAIRLEAD_TEST_SIGNER_SECRET", "PATH"], TimeProvider.System);

        var e = await Assert.ThrowsAsync<SigningException>(() => signer.SignAsync([1]));

        Assert.DoesNotContain("FAKE", e.Message, StringComparison.Ordinal);
        Assert.StartsWith("ended with 1: ", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_root_that_follows_is_served_at_once_and_signs_from_its_time_on()
    {
        var later = new CaOptions.HeldRoot(_folder["root.pem"], ["sh", "-c", Sign, "sh", _folder["root.key"]], false, TimeProvider.System.GetUtcNow().AddDays(1), []);
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var certificate = RootCertificate.Create(other, null, TimeProvider.System.GetUtcNow());
        var now = later with { CertificateFile = _folder.Write("now.pem", certificate.ExportCertificatePem()), LeavesFrom = DateTimeOffset.MinValue };
        var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        var authority = CertificateAuthority.Open([now, later], time, NullLogger.Instance);

        Assert.Equal(certificate.ExportCertificatePem() + "\n" + _root.ExportCertificatePem() + "\n", authority.RootPem);
        Assert.Equal(certificate.Subject, authority.Signing.Certificate.Subject);
        time.Advance(TimeSpan.FromDays(1));
        authority.Look();
        Assert.Equal(_root.Subject, authority.Signing.Certificate.Subject);
        Assert.StartsWith(_root.ExportCertificatePem(), authority.RootPem, StringComparison.Ordinal);
    }

    [Fact]
    public void A_certificate_that_may_not_sign_is_refused_at_the_start()
    {
        using var leaf = new CertificateRequest("CN=leaf", _key, HashAlgorithmName.SHA256).CreateSelfSigned(TimeProvider.System.GetUtcNow().AddDays(-1), TimeProvider.System.GetUtcNow().AddDays(1));
        var held = Held(Sign, false) with { CertificateFile = _folder.Write("leaf.pem", leaf.ExportCertificatePem()) };

        var e = Assert.Throws<InvalidDataException>(() => CertificateAuthority.Open([held], TimeProvider.System, NullLogger.Instance));

        Assert.Contains("got one that may sign no others", e.Message, StringComparison.Ordinal);
    }

    private static int ParentOf(int process) => int.Parse(File.ReadAllText($"/proc/{process}/stat").Split(") ")[^1].Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture);

    private CaOptions.HeldRoot Held(string script, bool wantsDigest) => new(_folder["root.pem"], ["sh", "-c", script, "sh", _folder["root.key"]], wantsDigest, DateTimeOffset.MinValue, []);

    private Task<Edge> StartAsync(string script, bool wantsDigest = false, Origin? origin = null, OriginCa? ca = null) => Edge.StartAsync(
        origin is null ? null : new Dictionary<string, IPEndPoint> { [Edge.Host] = origin.EndPoint }, ca, ca: new CaOptions { Held = [Held(script, wantsDigest)] });
}
