using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Fairlead.Gateway.Interception;

namespace Fairlead.Tests.Gateway.Interception;

public sealed class NameConstraintsTests
{
    [Theory]
    [InlineData("example.com", true)]
    [InlineData("a.b.example.com", true)]
    [InlineData("fairlead.test", true)]
    [InlineData("badexample.com", false)]
    [InlineData("example.com.evil.test", false)]
    [InlineData("com", false)]
    [InlineData("192.0.2.7", false)]
    [InlineData("2001:db8::1", false)]
    public void Names_and_all_below_them_are_permitted_and_no_address(string host, bool isPermitted) => AssertAgrees(["example.com"], host, isPermitted);

    [Theory]
    [InlineData("192.0.2.7", true)]
    [InlineData("192.0.3.7", false)]
    [InlineData("2001:db8::1", false)]
    [InlineData("example.com", false)]
    [InlineData("a.example.net", true)]
    public void Networks_are_permitted_where_they_are_named(string host, bool isPermitted) => AssertAgrees(["192.0.2.0/24", "EXAMPLE.net."], host, isPermitted);

    [Theory]
    [InlineData("*.example.com")]
    [InlineData(".example.com")]
    [InlineData("example.com:443")]
    [InlineData("192.0.2.0/33")]
    [InlineData("https://example.com")]
    public void What_is_no_name_is_refused(string text)
    {
        Assert.False(NameConstraints.TryCreate([text], out _, out var problem));
        Assert.Contains("expected a name, which stands for all below it too", problem, StringComparison.Ordinal);
    }

    // The framework's chain engine is the judge: what we permit it accepts, what we refuse it refuses.
    private static void AssertAgrees(string[] permitted, string host, bool isPermitted)
    {
        Assert.True(NameConstraints.TryCreate(permitted, out var constraints, out var problem), problem);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var root = RootCertificate.Create(key, constraints, TimeProvider.System.GetUtcNow());
        var address = IPAddress.TryParse(host, out var parsed) ? parsed : null;
        var extension = root.Extensions.Single(e => e.Oid!.Value == "2.5.29.30");
        using var leaf = new SigningRoot(root, KeyFileOf(key)).IssueAsync(host, address, key, TimeProvider.System.GetUtcNow()).GetAwaiter().GetResult();
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(root);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;

        Assert.True(extension.Critical);
        Assert.Equal(isPermitted, NameConstraints.Of(root)!.Permits(host, address));
        Assert.Equal(isPermitted, chain.Build(leaf));
        Assert.Equal(constraints.Text, NameConstraints.Of(root)!.Text);
    }

    private static Signer KeyFileOf(ECDsa key) => new(key);

    private sealed class Signer(ECDsa key) : IRootSigner
    {
        public Task<byte[]> SignAsync(byte[] toBeSigned) => Task.FromResult(key.SignData(toBeSigned, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence));
    }
}
