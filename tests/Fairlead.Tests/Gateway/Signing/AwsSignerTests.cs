using System.Net;
using System.Text;
using System.Text.Json;
using Fairlead.Gateway.Credentials;
using Fairlead.Gateway.Signing;
using Fairlead.Tests.Gateway.Credentials;

namespace Fairlead.Tests.Gateway.Signing;

/// <summary>What an origin receives of a credential that signs for AWS: each request is verified as AWS does, from what arrived.</summary>
public sealed class AwsSignerTests : IAsyncLifetime
{
    private const string KeyId = "FAKEKEYIDOFTHEGATEWAY";
    private const string SecretKey = "FAKE/secret+access/key+of/the+gateway";
    private const string Own = "Authorization: AWS4-HMAC-SHA256 Credential=FAKEPLACEHOLDER/20200101/eu-west-1/s3/aws4_request, SignedHeaders=host;range;x-amz-date, Signature=0123";
    private const string Zeros = "0000000000000000000000000000000000000000000000000000000000000000";

    private readonly OriginCa _ca = new();
    private Origin _origin = null!;

    public async ValueTask InitializeAsync() => _origin = await Origin.StartAsync(_ca);

    public async ValueTask DisposeAsync()
    {
        await _origin.DisposeAsync();
        _ca.Dispose();
    }

    [Fact]
    public async Task The_workloads_signature_gives_way_to_the_gateways()
    {
        var (reply, audit) = await AskAsync($"GET /bucket/a%20b HTTP/1.1\r\nHost: api.test\r\nRange: bytes=0-9\r\nX-Amz-Date: 20200101T000000Z\r\nX-Amz-Security-Token: FAKE-own\r\nx_amz_security_token: FAKE-own\r\n{Own}\r\nAuthorization: Bearer FAKE-second\r\n\r\n");

        Assert.Equal((200, "aws"), (reply.Status, audit.GetProperty("credentials")[0].GetString()));
        var seen = Assert.Single(_origin.Requests);
        Assert.Equal(["host", "range", "x-amz-content-sha256", "x-amz-date"], Verified(seen, "eu-west-1", "s3"));
        Assert.Equal((AwsKey.EmptyHash, "/bucket/a%20b"), (seen.Headers["X-Amz-Content-Sha256"], seen.Target));
        Assert.DoesNotContain("FAKE-", string.Join('\n', seen.Headers.Values), StringComparison.Ordinal);
        Assert.DoesNotContain(SecretKey, reply.Head + reply.Body + audit.GetRawText(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("GET /bucket/k?x-id=GetObject&list-type=2&prefix=a%2Fb&empty HTTP/1.1", "X: 1")]
    [InlineData("GET /bucket//k%2Fl/../m!$&'()*+,;=:@~ HTTP/1.1", "X-Amz-Meta-Odd:   a   b\t c ")]
    [InlineData("GET /?a=b+c&a=%62&A=1&=x&%E4=%e4 HTTP/1.1", "X-Amz-Meta-A: 1\r\nX-Amz-Meta-A: 2")]
    [InlineData("DELETE /bucket/k HTTP/1.1", "Connection: X-Amz-Date, Authorization, X-Amz-Meta-Gone\r\nX-Amz-Meta-Gone: 1")]
    [InlineData("GET / HTTP/1.1", "Content-Type: text/plain\r\nContent-MD5: x")]
    public async Task What_is_sent_is_what_is_signed(string line, string headers)
    {
        foreach (var service in (string[])["s3", "execute-api"])
        {
            var (reply, _) = await AskAsync($"{line}\r\nHost: api.test\r\n{headers}\r\n{Own}\r\n\r\n", service: service);

            Assert.Equal(200, reply.Status);
            _ = Verified(_origin.Requests.Last(), "eu-west-1", service);
        }

        Assert.All(_origin.Requests, seen => Assert.DoesNotContain("x-amz-meta-gone", seen.Headers.Keys));
    }

    [Fact]
    public async Task A_session_token_is_sent_and_signed()
    {
        var (_, _) = await AskAsync($"GET / HTTP/1.1\r\nHost: api.test\r\n{Own}\r\n\r\n", sessionToken: "FAKE-session-token-of-the-gateway");

        var seen = Assert.Single(_origin.Requests);
        Assert.Contains("x-amz-security-token", Verified(seen, "eu-west-1", "s3"));
        Assert.Equal("FAKE-session-token-of-the-gateway", seen.Headers["X-Amz-Security-Token"]);
    }

    [Fact]
    public async Task A_presigned_URL_is_signed_in_the_header_instead()
    {
        var (reply, _) = await AskAsync(
            "PUT /k?x-id=PutObject&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=FAKE%2F20200101%2Feu-north-1%2Fs3%2Faws4_request&x%2damz-date=20200101T000000Z&X-Amz-Expires=60&X-Amz-Security-Token=FAKE-own&X-Amz-SignedHeaders=host%3Bx-other&X-Amz-Signature=00&b=1 HTTP/1.1\r\n"
            + "Host: api.test\r\nX-Other: 1\r\nContent-Length: 4\r\n\r\nbody");

        Assert.Equal(200, reply.Status);
        var seen = Assert.Single(_origin.Requests);
        Assert.Equal("/k?x-id=PutObject&b=1", seen.Target);
        Assert.Contains("x-other", Verified(seen, "eu-north-1", "s3"));
    }

    [Fact]
    public async Task A_body_whose_hash_is_not_stated_is_hashed_as_it_is_sent()
    {
        var placeholder = Given.Swapped(Given.Secret("other", "FAKE-other-secret"), SwapSurfaces.Body);
        var body = $"{{\"k\":\"{Given.PlaceholderText}\"}}";

        var (reply, _) = await AskAsync($"POST / HTTP/1.1\r\nHost: api.test\r\nX-Amz-Target: DynamoDB_20120810.GetItem\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\n{Own}\r\n\r\n{body}", service: "dynamodb", others: [placeholder]);
        await AskAsync($"POST / HTTP/1.1\r\nHost: api.test\r\nContent-Type: application/json\r\nX-Amz-Content-Sha256: {Zeros}\r\nContent-Length: {body.Length}\r\n{Own}\r\n\r\n{body}", service: "dynamodb", others: [placeholder]);
        await AskAsync($"POST / HTTP/1.1\r\nHost: api.test\r\nTransfer-Encoding: chunked\r\n{Own}\r\n\r\n3\r\nabc\r\n0\r\n\r\n", service: "dynamodb");

        Assert.Equal(200, reply.Status);
        Assert.Equal(["{\"k\":\"FAKE-other-secret\"}", "{\"k\":\"FAKE-other-secret\"}", "abc"], _origin.Requests.Select(r => r.Body));
        Assert.Contains("x-amz-target", Verified(_origin.Requests.First(), "eu-west-1", "dynamodb"));
        Assert.All(_origin.Requests, seen => Verified(seen, "eu-west-1", "dynamodb"));
        Assert.Equal([false, true, false], _origin.Requests.Select(r => r.Headers.ContainsKey("X-Amz-Content-Sha256")));
    }

    [Theory]
    [InlineData("s3", "Content-Length: 1048577\r\n\r\n", 200, "UNSIGNED-PAYLOAD")]
    [InlineData("s3", "X-Amz-Content-Sha256: UNSIGNED-PAYLOAD\r\nContent-Length: 1048577\r\n\r\n", 200, "UNSIGNED-PAYLOAD")]
    [InlineData("s3", "X-Amz-Content-Sha256: " + Zeros + "\r\nContent-Length: 1048577\r\n\r\n", 200, Zeros)]
    [InlineData("s3", "X-Amz-Content-Sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER\r\nContent-Length: 1048577\r\n\r\n", 200, "STREAMING-UNSIGNED-PAYLOAD-TRAILER")]
    [InlineData("sqs", "X-Amz-Content-Sha256: " + Zeros + "\r\nContent-Length: 1048577\r\n\r\n", 200, Zeros)]
    [InlineData("sqs", "Content-Length: 1048577\r\n\r\n", 413, "")]
    [InlineData("sqs", "Transfer-Encoding: chunked\r\n\r\n100001\r\n", 413, "")]
    public async Task A_long_body_streams_where_its_hash_is_known_or_not_wanted(string service, string framing, int status, string hash)
    {
        var body = new string('x', (1024 * 1024) + 1) + (framing.StartsWith("Transfer", StringComparison.Ordinal) ? "\r\n0\r\n\r\n" : "");

        var (reply, audit) = await AskAsync($"PUT /k HTTP/1.1\r\nHost: api.test\r\n{Own}\r\n{framing}{body}", service: service);

        Assert.Equal(status, reply.Status);
        if (status == 200) Assert.Equal(hash, Assert.Single(_origin.Requests).Headers["X-Amz-Content-Sha256"]);
        if (status == 200) _ = Verified(_origin.Requests.Single(), "eu-west-1", service, isBodyChecked: false);
        if (status == 413) Assert.Contains("is longer than 1048576 bytes, and the client did not state its hash", audit.GetProperty("detail").GetString(), StringComparison.Ordinal);
        if (status == 413) Assert.Empty(_origin.Requests);
    }

    [Theory]
    [InlineData("Authorization: AWS4-ECDSA-P256-SHA256 Credential=FAKE/20200101/s3/aws4_request, SignedHeaders=host, Signature=00", "/", "expected AWS4-HMAC-SHA256, got 'AWS4-ECDSA-P256-SHA256'")]
    [InlineData("X: 1", "/?X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256", "expected AWS4-HMAC-SHA256, got 'AWS4-ECDSA-P256-SHA256'")]
    [InlineData("X: 1", "/?awsaccesskeyid=FAKE&Signature=x&Expires=1", "expected AWS4-HMAC-SHA256, got 'AWSAccessKeyId'")]
    [InlineData(Own, "/?AWSAccessKeyId=FAKE&Signature=x", "expected AWS4-HMAC-SHA256, got 'AWSAccessKeyId'")]
    [InlineData(Own + "\r\nX-Amz-Content-Sha256: STREAMING-AWS4-HMAC-SHA256-EVENTS", "/", "its body is signed in a way that is not known here, 'STREAMING-AWS4-HMAC-SHA256-EVENTS'")]
    [InlineData(Own + "\r\nX-Amz-Content-Sha256: " + Zeros + "\r\nX-Amz-Content-Sha256: UNSIGNED-PAYLOAD", "/", "its body is signed in a way that is not known here")]
    [InlineData("Authorization: AWS4-HMAC-SHA256 Credential=FAKE/20200101/a b/s3/aws4_request", "/", "neither a signature of the workload's nor the host api.test says for which region and service")]
    [InlineData("X: 1", "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=FAKE%2F20200101%2Feu-west-1%0A%2Fs3%2Faws4_request", "neither a signature of the workload's nor the host api.test says for which region and service")]
    [InlineData("X: 1", "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=FAKE%2F20200101%2Feu-west-1%2Fs3%0A%2Faws4_request", "neither a signature of the workload's nor the host api.test says for which region and service")]
    [InlineData("Authorization: Bearer FAKE", "/", "neither a signature of the workload's nor the host api.test says for which region and service")]
    public async Task What_cannot_be_signed_is_refused_with_its_reason(string headers, string target, string reason)
    {
        var (reply, audit) = await AskAsync($"GET {target} HTTP/1.1\r\nHost: api.test\r\n{headers}\r\n\r\n");

        Assert.Equal((400, "bad_request"), (reply.Status, audit.GetProperty("outcome").GetString()));
        Assert.Contains(reason, audit.GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.Equal(0, _origin.Connections);
    }

    [Fact]
    public async Task What_is_configured_wins_over_what_the_workload_says()
    {
        await AskAsync($"GET / HTTP/1.1\r\nHost: api.test\r\n{Own}\r\n\r\n", region: "us-east-2", service: "es");

        _ = Verified(Assert.Single(_origin.Requests), "us-east-2", "es");
    }

    [Fact]
    public async Task Requests_of_HTTP2_are_signed_too()
    {
        await using var edge = await Edge.StartAsync(_origin, _ca, Edge.SessionOf("s1", Edge.Token, credentials: [Aws()]));
        var workload = await Workload.OpenAsync(edge, http2: true);
        using var request = new HttpRequestMessage(HttpMethod.Post, "https://api.test/q") { Version = HttpVersion.Version20, Content = new StringContent("body") };
        request.Headers.TryAddWithoutValidation("Authorization", Own["Authorization: ".Length..]);

        using var answer = await workload.Client().SendAsync(request, Limits.Token);
        await workload.CloseAsync();

        var seen = Assert.Single(_origin.Requests);
        Assert.Equal("HTTP/2", seen.Protocol);
        Assert.Contains("host", Verified(seen, "eu-west-1", "s3"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("-TRAILER")]
    public async Task The_chunks_of_a_streamed_body_are_signed_anew(string kind)
    {
        var trailers = kind.Length == 0 ? "" : $"x-amz-checksum-crc32:AAAAAA==\r\nx-amz-trailer-signature:{Zeros}\r\n";
        var body = $"A;chunk-signature={Zeros}\r\n0123456789\r\n003;chunk-signature={Zeros}\r\nabc\r\n0;chunk-signature={Zeros}\r\n{trailers}\r\n";

        var (reply, _) = await AskAsync($"PUT /k HTTP/1.1\r\nHost: api.test\r\nContent-Encoding: aws-chunked\r\nX-Amz-Decoded-Content-Length: 13\r\nX-Amz-Content-Sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD{kind}\r\nContent-Length: {body.Length}\r\n{Own}\r\n\r\n{body}");

        Assert.Equal(200, reply.Status);
        var seen = Assert.Single(_origin.Requests);
        _ = Verified(seen, "eu-west-1", "s3", isBodyChecked: false);
        // The chain, computed here.
        var key = KeyOf(seen, "eu-west-1", "s3");
        var first = key.SignChunk(seen.Headers["Authorization"].Split("Signature=")[1], "0123456789"u8);
        var second = key.SignChunk(first, "abc"u8);
        var last = key.SignChunk(second, []);
        trailers = trailers.Replace(Zeros, key.SignTrailers(last, "x-amz-checksum-crc32:AAAAAA==\n"u8), StringComparison.Ordinal);
        Assert.Equal($"A;chunk-signature={first}\r\n0123456789\r\n003;chunk-signature={second}\r\nabc\r\n0;chunk-signature={last}\r\n{trailers}\r\n", seen.Body);
    }

    [Theory]
    [InlineData("not a chunk\r\n")]
    [InlineData("3;chunk-signature=" + Zeros + "\r\nabcd\r\n0;chunk-signature=" + Zeros + "\r\n\r\n")]
    [InlineData("0;chunk-signature=" + Zeros + "\r\n\r\nGET / HTTP/1.1\r\n\r\n")]
    [InlineData("3;chunk-signature=" + Zeros + "\r\nabc\r\n")]
    [InlineData("FFFFFFFF;chunk-signature=" + Zeros + "\r\nabc\r\n")]
    [InlineData("ffffffffffffffff;chunk-signature=" + Zeros + "\r\nabc\r\n")]
    [InlineData("3;chunk-signature=xyz\r\nabc\r\n")]
    [InlineData("3;chunk-signature=" + Zeros + ";more=1\r\nabc\r\n")]
    [InlineData("")]
    public async Task A_streamed_body_that_is_malformed_is_refused_and_cut(string body)
    {
        // What it says it is longer by: an early end is one of the faults.
        var (reply, audit) = await AskAsync($"PUT /k HTTP/1.1\r\nHost: api.test\r\nX-Amz-Content-Sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD\r\nTransfer-Encoding: chunked\r\n{Own}\r\n\r\n{(body.Length == 0 ? "" : $"{body.Length:x}\r\n{body}\r\n")}0\r\n\r\n");

        Assert.Equal((400, "bad_request"), (reply.Status, audit.GetProperty("outcome").GetString()));
        Assert.Contains("its chunks are signed", audit.GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.Empty(_origin.Requests);
    }

    private async Task<(Reply Reply, JsonElement Audit)> AskAsync(string request, string? region = null, string? service = null, string? sessionToken = null, Credential[]? others = null)
    {
        await using var edge = await Edge.StartAsync(_origin, _ca, Edge.SessionOf("s1", Edge.Token, credentials: [.. others ?? [], Aws(region, service, sessionToken)]));
        var workload = await Workload.OpenAsync(edge);
        var reply = await workload.SendAsync(request);
        await workload.CloseAsync();
        return (reply, (await edge.StopAsync()).First(r => r.GetProperty("type").GetString() == "request"));
    }

    private static Credential Aws(string? region = null, string? service = null, string? sessionToken = null)
    {
        Assert.Null(SecretText.TryParse("id", KeyId, new Dictionary<string, ISecret>(), out var id, isConstantAllowed: true));
        var headers = new List<InjectedHeader>();
        if (sessionToken is not null)
        {
            Assert.Null(InjectedHeader.TryCreate("X-Amz-Security-Token", "{t}", new Dictionary<string, ISecret> { ["t"] = Given.Secret("t", sessionToken) }, out var header));
            headers.Add(header!);
        }

        return new Credential("aws", headers, [Edge.HostOf(Edge.Host)]) { Signer = new AwsSigner(new(id!, Given.Secret("key", SecretKey), region, service, TextBody.MaxBytes), TimeProvider.System) };
    }

    private static AwsKey KeyOf(Seen seen, string region, string service) =>
        new(SecretKey, new(region, service), DateTimeOffset.ParseExact(seen.Headers["X-Amz-Date"], "yyyyMMdd'T'HHmmss'Z'", null, System.Globalization.DateTimeStyles.AssumeUniversal));

    /// <returns>The names of the headers that are signed.</returns>
    private static string[] Verified(Seen seen, string region, string service, bool isBodyChecked = true)
    {
        var given = seen.Headers["Authorization"];
        var names = given.Split("SignedHeaders=")[1].Split(',')[0].Split(';');
        var hash = AwsKey.Hash(Encoding.Latin1.GetBytes(seen.Body));
        if (isBodyChecked && seen.Headers.TryGetValue("X-Amz-Content-Sha256", out var stated)) Assert.Equal(hash, stated);
        if (!isBodyChecked) hash = seen.Headers["X-Amz-Content-Sha256"];
        var headers = names.Select(n => new KeyValuePair<string, string>(n, seen.Headers[n])).ToArray();
        var key = KeyOf(seen, region, service);
        var signature = key.Sign(AwsCanonicalRequest.Of(seen.Method, seen.Target, headers, hash, isPathPlain: service == "s3"));
        Assert.Equal(key.Authorization(KeyId, names, signature), given);
        Assert.InRange(DateTimeOffset.ParseExact(key.Date, "yyyyMMdd'T'HHmmss'Z'", null, System.Globalization.DateTimeStyles.AssumeUniversal), TimeProvider.System.GetUtcNow().AddMinutes(-5), TimeProvider.System.GetUtcNow().AddMinutes(1));
        return names;
    }
}
