using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Fairlead.Gateway.Credentials;
using Fairlead.Gateway.Signing;
using Fairlead.Tests.Gateway.Credentials;

namespace Fairlead.Tests.Gateway.Signing;

public sealed class HmacSignerTests : IAsyncLifetime
{
    private readonly OriginCa _ca = new();
    private readonly FakeTimeProvider _time = new(DateTimeOffset.FromUnixTimeSeconds(1618884473));
    private Origin _origin = null!;

    public async ValueTask InitializeAsync() => _origin = await Origin.StartAsync(_ca);

    public async ValueTask DisposeAsync()
    {
        await _origin.DisposeAsync();
        _ca.Dispose();
    }

    // GitHub's documentation, "Validating webhook deliveries".
    [Fact]
    public async Task A_body_is_signed_as_webhooks_are()
    {
        await AskAsync(Signer("It's a Secret to Everybody", "{body}", "X-Hub-Signature-256", "sha256={signature}"), "POST /hook HTTP/1.1\r\nHost: api.test\r\nContent-Length: 13\r\nX-Hub-Signature-256: FAKE-own\r\nX_Hub_Signature_256: FAKE-own\r\n\r\nHello, World!");

        var seen = Assert.Single(_origin.Requests);
        Assert.Equal("sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17", seen.Headers["X-Hub-Signature-256"]);
        Assert.Equal("Hello, World!", seen.Body);
        Assert.DoesNotContain("X_Hub_Signature_256", seen.Headers.Keys);
    }

    // RFC 4231 §4.2 and RFC 2202 §3: "Hi There" under a key of twenty bytes 0x0b.
    [Theory]
    [InlineData("SHA256", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7")]
    [InlineData("SHA512", "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854")]
    [InlineData("SHA1", "b617318655057264e28bc0b6fb378c8ef146be00")]
    public async Task The_vectors_of_the_RFCs_hold(string algorithm, string signature)
    {
        await AskAsync(Signer(string.Concat(Enumerable.Repeat("0b", 20)), "{header:X-Data}", "X-Signature", "{signature}", keyEncoding: HmacSigner.KeyEncoding.Hex, algorithm: new HashAlgorithmName(algorithm)), "GET / HTTP/1.1\r\nHost: api.test\r\nX-Data: Hi There\r\n\r\n");

        Assert.Equal(signature, Assert.Single(_origin.Requests).Headers["X-Signature"]);
    }

    [Fact]
    public async Task Every_part_is_what_is_sent()
    {
        var text = "{method}|{path}|{query}|{target}|{host}|{date}|{timestamp}|{timestamp_ms}|{body}|{body_sha256}|{header:Content-Type}|{header:X-Time}|{header:X-None}|\n";
        var credential = Signer("FAKE-key", text, "X-Signature", "id=7,t={timestamp},s={signature}", isBase64: true, set: [("X-Time", "{timestamp}"), ("Date", "{date}")]);

        await AskAsync(credential, $"POST /a%2Fb/../c?x=%41&k={Given.PlaceholderText} HTTP/1.1\r\nHost: api.test\r\nContent-Type: text/plain\r\nX-Time: 1\r\nConnection: X-Signature, X-Time\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", Given.Swapped(Given.Secret("s", "FAKE-other")));

        var seen = Assert.Single(_origin.Requests);
        const string date = "Tue, 20 Apr 2021 02:07:53 GMT";
        var signed = $"POST|/a%2Fb/../c|x=%41&k=FAKE-other|/a%2Fb/../c?x=%41&k=FAKE-other|api.test|{date}|1618884473|1618884473000|hi|{Convert.ToHexStringLower(SHA256.HashData("hi"u8))}|text/plain|1618884473||\n";
        Assert.Equal($"id=7,t=1618884473,s={Convert.ToBase64String(HMACSHA256.HashData("FAKE-key"u8, Encoding.ASCII.GetBytes(signed)))}", seen.Headers["X-Signature"]);
        Assert.Equal(("1618884473", date), (seen.Headers["X-Time"], seen.Headers["Date"]));
    }

    [Theory]
    [InlineData("{method}", "Content-Length: 1048577\r\n\r\n", "", 200)]
    [InlineData("{body}", "Content-Length: 1048577\r\n\r\n", "", 413)]
    [InlineData("{body_sha256}", "Transfer-Encoding: chunked\r\n\r\n100001\r\n", "\r\n0\r\n\r\n", 413)]
    public async Task A_body_that_is_signed_has_a_bound(string text, string framing, string end, int status)
    {
        var (reply, audit) = await AskAsync(Signer("FAKE-key", text, "X-Signature", "{signature}"), $"POST / HTTP/1.1\r\nHost: api.test\r\n{framing}{new string('x', (1024 * 1024) + 1)}{end}");

        Assert.Equal((status, status == 200 ? "completed" : "limited"), (reply.Status, audit.GetProperty("outcome").GetString()));
        Assert.Equal(status == 200 ? 1 : 0, _origin.Requests.Count);
    }

    [Fact]
    public async Task A_key_that_is_not_written_as_said_signs_nothing()
    {
        var (reply, audit) = await AskAsync(Signer("FAKE-no-hex", "{method}", "X-Signature", "{signature}", keyEncoding: HmacSigner.KeyEncoding.Hex), "GET / HTTP/1.1\r\nHost: api.test\r\n\r\n");

        Assert.Equal((502, "the credential 'hmac' cannot be had: the key is not in hexadecimal."), (reply.Status, audit.GetProperty("detail").GetString()));
        Assert.DoesNotContain("FAKE", reply.Body, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_that_sign_do_not_serve_one_host()
    {
        var (one, two) = (Signer("FAKE-1", "{method}", "X-One", "{signature}"), Signer("FAKE-2", "{method}", "X-Two", "{signature}"));

        Assert.Equal("a signature", one.ConflictWith(two));
        Assert.Equal("X-One", one.ConflictWith(Edge.CredentialOf("c", "x-one", "FAKE")));
        Assert.Null(one.ConflictWith(Edge.CredentialOf("c", "X-Two", "FAKE")));
        Assert.Null(one.ConflictWith(two with { Hosts = [Edge.HostOf("other.test")] }));
    }

    private async Task<(Reply Reply, JsonElement Audit)> AskAsync(Credential credential, string request, params Credential[] others)
    {
        await using var edge = await Edge.StartAsync(_origin, _ca, Edge.SessionOf("s1", Edge.Token, credentials: [credential, .. others]));
        var workload = await Workload.OpenAsync(edge);
        var reply = await workload.SendAsync(request);
        await workload.CloseAsync();
        return (reply, (await edge.StopAsync()).First(r => r.GetProperty("type").GetString() == "request"));
    }

    private Credential Signer(string key, string text, string header, string value, bool isBase64 = false, HmacSigner.KeyEncoding keyEncoding = HmacSigner.KeyEncoding.Text, HashAlgorithmName? algorithm = null, (string Name, string Value)[]? set = null) =>
        new("hmac", [], [Edge.HostOf(Edge.Host)])
        {
            Signer = new HmacSigner(new(Given.Secret("k", key), keyEncoding, algorithm ?? HashAlgorithmName.SHA256, Text(text), isBase64, header, Text(value), [.. (set ?? []).Select(s => (s.Name, Text(s.Value)))], TextBody.MaxBytes), _time),
        };

    private static HmacText Text(string template)
    {
        Assert.Null(HmacText.TryParse(template, [HmacSigner.SignaturePart], out var text));
        return text!;
    }
}
