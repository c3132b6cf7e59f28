using System.Security.Cryptography;
using System.Text;
using Fairlead.Gateway.Credentials;
using Fairlead.Gateway.Signing;
using Fairlead.Tests.Gateway.Credentials;

namespace Fairlead.Tests.Gateway.Signing;

public sealed class HttpSignatureTests : IAsyncLifetime
{
    // RFC 9421 §B.1.5: an example key, which opens nothing.
    private const string Key = "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="; // gitleaks:allow, the example of RFC 9421

    private readonly OriginCa _ca = new();
    private readonly FakeTimeProvider _time = new(DateTimeOffset.FromUnixTimeSeconds(1618884473));
    private Origin _origin = null!;

    public async ValueTask InitializeAsync() => _origin = await Origin.StartAsync(_ca);

    public async ValueTask DisposeAsync()
    {
        await _origin.DisposeAsync();
        _ca.Dispose();
    }

    // RFC 9421 §B.2.5, the request of §B.2.
    [Fact]
    public async Task The_published_example_is_signed_as_published()
    {
        var seen = await SeenAsync("sig-b25", ["date", "@authority", "content-type"], "example.com", "POST /foo?param=Value&Pet=dog HTTP/1.1\r\nHost: example.com\r\nDate: Tue, 20 Apr 2021 02:07:55 GMT\r\nContent-Type: application/json\r\nContent-Length: 18\r\n\r\n{\"hello\": \"world\"}");

        Assert.Equal("sig-b25=(\"date\" \"@authority\" \"content-type\");created=1618884473;keyid=\"test-shared-secret\"", seen.Headers["Signature-Input"]);
        Assert.Equal("sig-b25=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:", seen.Headers["Signature"]);
    }

    [Fact]
    public async Task What_is_covered_is_what_is_sent_and_the_digest_is_ours()
    {
        string[] components = ["@method", "@scheme", "@target-uri", "@request-target", "@path", "@query", "x-none", "content-digest"];

        var seen = await SeenAsync("sig1", components, Edge.Host, "POST /a%2F?x HTTP/1.1\r\nHost: api.test\r\nSignature: sig1=:FAKE:\r\nContent-Digest: FAKE\r\nConnection: Signature-Input\r\nContent-Length: 2\r\n\r\nhi");

        var digest = $"sha-256=:{Convert.ToBase64String(SHA256.HashData("hi"u8))}:";
        const string input = "(\"@method\" \"@scheme\" \"@target-uri\" \"@request-target\" \"@path\" \"@query\" \"content-digest\");created=1618884473;keyid=\"test-shared-secret\"";
        var signed = $"\"@method\": POST\n\"@scheme\": https\n\"@target-uri\": https://api.test/a%2F?x\n\"@request-target\": /a%2F?x\n\"@path\": /a%2F\n\"@query\": ?x\n\"content-digest\": {digest}\n\"@signature-params\": {input}";
        Assert.Equal((digest, "sig1=" + input), (seen.Headers["Content-Digest"], seen.Headers["Signature-Input"]));
        Assert.Equal($"sig1=:{Convert.ToBase64String(HMACSHA256.HashData(Convert.FromBase64String(Key), Encoding.ASCII.GetBytes(signed)))}:", seen.Headers["Signature"]);
    }

    private async Task<Seen> SeenAsync(string label, string[] components, string host, string request)
    {
        var signer = new HttpSignatureSigner(new(Given.Secret("k", Key), HmacSigner.KeyEncoding.Base64, "test-shared-secret", label, components, TextBody.MaxBytes), _time);
        await using var edge = await Edge.StartAsync(new Dictionary<string, System.Net.IPEndPoint> { [host] = _origin.EndPoint }, _ca, [Edge.SessionOf("s1", Edge.Token, credentials: [new Credential("signed", [], [Edge.HostOf(host)]) { Signer = signer }])]);
        var workload = await Workload.OpenAsync(edge, host);
        Assert.Equal(200, (await workload.SendAsync(request)).Status);
        await workload.CloseAsync();
        return Assert.Single(_origin.Requests);
    }
}
