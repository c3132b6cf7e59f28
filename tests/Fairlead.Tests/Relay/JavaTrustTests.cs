using System.Security.Cryptography.X509Certificates;
using Fairlead.Relay.Trust;

namespace Fairlead.Tests.Relay;

public sealed class JavaTrustTests
{
    private static readonly TrustFacts Facts = new() { Port = 4321, NoProxy = "localhost,.a.test", CaBundle = "/b.crt", Files = new Dictionary<string, string> { ["java-trust.p12"] = "/d/java-trust.p12" } };

    [Fact]
    public void The_store_holds_every_certificate_of_the_bundle_once()
    {
        var (first, second) = (Certificates.SelfSigned("First").ExportCertificatePem(), Certificates.SelfSigned("Second").ExportCertificatePem());

        var store = JavaTrustStore.Encode($"# a comment\n{first}\ntext between\n-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n{second}");

        var read = X509CertificateLoader.LoadPkcs12Collection(store, null);
        Assert.Equal(["CN=First", "CN=Second"], read.Select(certificate => certificate.Subject).Order());
    }

    [Fact]
    public void A_bundle_without_a_certificate_makes_an_empty_store() => Assert.Empty(X509CertificateLoader.LoadPkcs12Collection(JavaTrustStore.Encode("# nothing\n"), null));

    [Theory]
    [InlineData("", "")]
    [InlineData("*", "*")]
    [InlineData("localhost,127.0.0.1,::1", "localhost|127.0.0.1|[::1]")]
    [InlineData("a.test,.a.test,*.a.test", "a.test|*.a.test")]
    [InlineData("10.0.0.0/8, 192.168.0.0/16,203.0.113.0/24", "10.*|192.168.*|203.0.113.*")]
    [InlineData("172.16.0.0/14", "172.16.*|172.17.*|172.18.*|172.19.*")]
    [InlineData("10.1.2.4/30,fd00::/8,a.test:8443,1.2.3.4/x,x/8", "")]
    public void NO_PROXY_is_told_to_Java_as_far_as_it_can_be(string noProxy, string expected) => Assert.Equal(expected, JavaOptions.NonProxyHosts(noProxy));

    [Fact]
    public void The_users_options_come_last_where_they_win() => Assert.Equal(
        "-Dfairlead.begin -Djavax.net.ssl.trustStore=/d/java-trust.p12 -Djavax.net.ssl.trustStoreType=PKCS12 -Dhttps.proxyHost=127.0.0.1 -Dhttps.proxyPort=4321 "
        + "-Dhttp.nonProxyHosts=localhost|*.a.test -Dfairlead.end -Xmx1g -Dmine=1",
        ToolOptions("-Xmx1g -Dmine=1"));

    [Fact]
    public void Options_of_another_relay_are_not_taken_for_the_users()
    {
        var outer = ToolOptions("-Xmx1g") + " -Dadded=later";

        Assert.Equal(ToolOptions("-Xmx1g -Dadded=later"), ToolOptions(outer));
    }

    [Theory]
    [InlineData("/home/o'brien", "\"-Da=/home/o'brien\"")]
    [InlineData("/t\tab", "\"-Da=/t\tab\"")]
    [InlineData("/a\"b", "'-Da=/a\"b'")]
    [InlineData("/a\"b'c", null)]
    public void What_the_machine_would_cut_or_not_start_with_is_quoted_or_left_out(string path, string? quoted) => Assert.Equal(
        quoted is null ? "-Dfairlead.begin  -Dfairlead.end" : $"-Dfairlead.begin {quoted} -Dfairlead.end",
        JavaOptions.Before(new TrustFacts { Port = 1, NoProxy = "", CaBundle = "/b", Environment = new Dictionary<string, string>() }, "JAVA_TOOL_OPTIONS", [$"-Da={path}"]));

    [Fact]
    public void A_path_with_a_blank_is_quoted()
    {
        var facts = Facts with { Files = new Dictionary<string, string> { ["java-trust.p12"] = "/a b/java-trust.p12" } };

        Assert.Contains(" \"-Djavax.net.ssl.trustStore=/a b/java-trust.p12\" ", ToolOptions("", facts), StringComparison.Ordinal);
    }

    [Fact]
    public void Without_a_store_Java_is_told_of_the_proxy_alone() =>
        Assert.DoesNotContain("trustStore", ToolOptions("", Facts with { Files = new Dictionary<string, string>() }), StringComparison.Ordinal);

    private static string ToolOptions(string theirs, TrustFacts? facts = null) => ChildEnvironment
        .For((facts ?? Facts) with { Environment = new Dictionary<string, string> { ["JAVA_TOOL_OPTIONS"] = theirs } }).Single(variable => variable.Name == "JAVA_TOOL_OPTIONS").Value;
}
