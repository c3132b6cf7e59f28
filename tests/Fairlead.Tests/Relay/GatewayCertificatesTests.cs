using System.Security.Cryptography.X509Certificates;
using Fairlead.Relay.Startup;

namespace Fairlead.Tests.Relay;

public sealed class GatewayCertificatesTests
{
    private static readonly DateTimeOffset Now = TimeProvider.System.GetUtcNow();

    [Fact]
    public void A_CA_inside_its_validity_is_kept_as_it_was_written()
    {
        var pem = Certificates.Ca().ExportCertificatePem() + "\n";

        Assert.Equal(pem, Select(pem));
    }

    [Fact]
    public void Only_what_can_be_trusted_is_kept()
    {
        var good = Certificates.Ca().ExportCertificatePem() + "\n";
        var expired = Certificates.Ca(Now.AddDays(-2), Now.AddDays(-1)).ExportCertificatePem() + "\n";

        Assert.Equal(good, Select("a comment\n" + expired + good + Certificates.SelfSigned("leaf.test").ExportCertificatePem()));
    }

    [Theory]
    [InlineData("html", "is HTML, not PEM")]
    [InlineData("empty", "holds no PEM certificate")]
    [InlineData("key", "holds no PEM certificate")]
    [InlineData("leaf", "is a leaf, not a CA certificate")]
    [InlineData("expired", "expired on ")]
    [InlineData("future", "is not valid before ")]
    [InlineData("damaged", "is damaged")]
    public void What_no_tool_could_trust_is_refused_in_its_own_words(string kind, string problem)
    {
        var text = kind switch
        {
            "html" => "\n<!DOCTYPE html><html>404</html>",
            "empty" => "",
            "key" => "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            "leaf" => Certificates.SelfSigned("leaf.test").ExportCertificatePem(),
            "expired" => Certificates.Ca(Now.AddDays(-2), Now.AddDays(-1)).ExportCertificatePem(),
            "future" => Certificates.Ca(Now.AddDays(1), Now.AddDays(2)).ExportCertificatePem(),
            _ => "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        };

        var e = Assert.Throws<StepException>(() => Select(text));

        Assert.Contains(problem, e.Cause, StringComparison.Ordinal);
    }

    private static string Select(string text) => GatewayCertificates.SelectTrustworthy(text, "http://gw.test/ca-cert", Now);
}
