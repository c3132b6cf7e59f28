using System.IO.Pipelines;
using System.Text;
using Fairlead.Gateway.Signing;

namespace Fairlead.Tests.Gateway.Signing;

/// <summary>
/// Signatures that AWS published. The keys are those of its documentation and open nothing.
/// </summary>
public sealed class AwsVectorTests
{
    private const string SuiteSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"; // gitleaks:allow, the example of AWS's documentation
    private const string S3Secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"; // gitleaks:allow, the example of AWS's documentation
    private const string Streaming = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";

    private static readonly AwsKey SuiteKey = new(SuiteSecret, new("us-east-1", "service"), new DateTimeOffset(2015, 8, 30, 12, 36, 0, TimeSpan.Zero));
    private static readonly AwsKey S3Key = new(S3Secret, new("us-east-1", "s3"), new DateTimeOffset(2013, 5, 24, 0, 0, 0, TimeSpan.Zero));

    // aws-sig-v4-test-suite; what is not in the request of a case is in all of them: Host: example.amazonaws.com, X-Amz-Date: 20150830T123600Z.
    [Theory]
    [InlineData("get-vanilla", "GET", "/", "", "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31")]
    [InlineData("get-vanilla-query-order-key-case", "GET", "/?Param2=value2&Param1=value1", "", "", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500")]
    [InlineData("get-vanilla-empty-query-key", "GET", "/?Param1=value1", "", "", "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb")]
    [InlineData("get-unreserved", "GET", "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", "", "", "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f")]
    [InlineData("get-utf8", "GET", "/\u00e1\u0088\u00b4", "", "", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85")]
    [InlineData("get-space", "GET", "/example space/", "", "", "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741")]
    [InlineData("get-slash", "GET", "//", "", "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31")]
    [InlineData("get-slash-dot-slash", "GET", "/./", "", "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31")]
    [InlineData("get-relative", "GET", "/example/..", "", "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31")]
    [InlineData("get-relative-relative", "GET", "/example1/example2/../..", "", "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31")]
    [InlineData("get-slashes", "GET", "//example//", "", "", "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84")]
    [InlineData("get-slash-pointless-dot", "GET", "/./example", "", "", "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5")]
    [InlineData("get-header-value-trim", "GET", "/", "my-header1: value1|my-header2: \"a   b   c\"", "", "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736")]
    [InlineData("get-header-key-duplicate", "GET", "/", "my-header1:value2,value2,value1", "", "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea")]
    [InlineData("post-vanilla", "POST", "/", "", "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b")]
    [InlineData("post-vanilla-query", "POST", "/?Param1=value1", "", "", "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11")]
    [InlineData("post-header-key-sort", "POST", "/", "my-header1:value1", "", "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c")]
    [InlineData("post-x-www-form-urlencoded", "POST", "/", "content-type:application/x-www-form-urlencoded", "Param1=value1", "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a")]
    public void The_published_suite_is_signed_as_published(string name, string method, string target, string headers, string body, string signature)
    {
        var all = HeadersOf($"host:example.amazonaws.com|x-amz-date:20150830T123600Z|{headers}");

        var canonical = AwsCanonicalRequest.Of(method, target, all, AwsKey.Hash(Encoding.ASCII.GetBytes(body)), isPathPlain: false);

        Assert.Equal((name, signature), (name, SuiteKey.Sign(canonical)));
    }

    // Amazon S3 API Reference, "Signature calculations for the Authorization header: transferring payload in a single chunk".
    [Theory]
    [InlineData("GET", "/test.txt", "range:bytes=0-9", "", "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")]
    [InlineData("PUT", "/test%24file.text", "date:Fri, 24 May 2013 00:00:00 GMT|x-amz-storage-class:REDUCED_REDUNDANCY", "Welcome to Amazon S3.", "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd")]
    [InlineData("PUT", "/test$file.text", "date:Fri, 24 May 2013 00:00:00 GMT|x-amz-storage-class:REDUCED_REDUNDANCY", "Welcome to Amazon S3.", "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd")]
    [InlineData("GET", "/?lifecycle", "", "", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543")]
    [InlineData("GET", "/?max-keys=2&prefix=J", "", "", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")]
    public void The_examples_of_S3_are_signed_as_published(string method, string target, string headers, string body, string signature)
    {
        var hash = AwsKey.Hash(Encoding.ASCII.GetBytes(body));
        var all = HeadersOf($"host:examplebucket.s3.amazonaws.com|x-amz-date:20130524T000000Z|x-amz-content-sha256:{hash}|{headers}");

        Assert.Equal(signature, S3Key.Sign(AwsCanonicalRequest.Of(method, target, all, hash, isPathPlain: true)));
    }

    [Fact]
    public void The_header_is_as_published()
    {
        var header = S3Key.Authorization("AKIAIOSFODNN7EXAMPLE", ["host", "range"], "f0"); // gitleaks:allow, the example of AWS's documentation

        Assert.Equal("AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=host;range, Signature=f0", header); // gitleaks:allow
    }

    // "Signature calculations for the Authorization header: transferring payload in multiple chunks".
    [Fact]
    public async Task The_chunks_of_the_streaming_example_are_signed_as_published()
    {
        var headers = HeadersOf($"host:s3.amazonaws.com|x-amz-date:20130524T000000Z|x-amz-content-sha256:{Streaming}|content-encoding:aws-chunked|content-length:66824|x-amz-decoded-content-length:66560|x-amz-storage-class:REDUCED_REDUNDANCY");
        var seed = S3Key.Sign(AwsCanonicalRequest.Of("PUT", "/examplebucket/chunkObject.txt", headers, Streaming, isPathPlain: true));
        var fake = new string('0', 64);

        var sent = await SignedAsync(seed, $"10000;chunk-signature={fake}\r\n{new string('a', 65536)}\r\n400;chunk-signature={fake}\r\n{new string('a', 1024)}\r\n0;chunk-signature={fake}\r\n\r\n");

        Assert.Equal("4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9", seed);
        Assert.Equal(66824, sent.Length);
        Assert.Equal(
            $"10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n{new string('a', 65536)}\r\n"
            + $"400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n{new string('a', 1024)}\r\n"
            + "0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n",
            sent);
    }

    // "Signature calculations for the Authorization header: including trailing headers".
    [Fact]
    public async Task The_trailers_of_the_streaming_example_are_signed_as_published()
    {
        const string hash = Streaming + "-TRAILER";
        var headers = HeadersOf($"host:s3.amazonaws.com|x-amz-date:20130524T000000Z|x-amz-content-sha256:{hash}|content-encoding:aws-chunked|x-amz-decoded-content-length:66560|x-amz-storage-class:REDUCED_REDUNDANCY|x-amz-trailer:x-amz-checksum-crc32c");
        var seed = S3Key.Sign(AwsCanonicalRequest.Of("PUT", "/examplebucket/chunkObject.txt", headers, hash, isPathPlain: true));
        var fake = new string('0', 64);

        var sent = await SignedAsync(seed, $"10000;chunk-signature={fake}\r\n{new string('a', 65536)}\r\n400;chunk-signature={fake}\r\n{new string('a', 1024)}\r\n0;chunk-signature={fake}\r\nx-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:{fake}\r\n\r\n", hasTrailers: true);

        Assert.Equal("106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e", seed);
        Assert.Equal(
            $"10000;chunk-signature=b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2\r\n{new string('a', 65536)}\r\n"
            + $"400;chunk-signature=1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7\r\n{new string('a', 1024)}\r\n"
            + "0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n"
            + "x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n",
            sent);
    }

    private static async Task<string> SignedAsync(string seed, string body, bool hasTrailers = false)
    {
        using var source = new MemoryStream(Encoding.Latin1.GetBytes(body));
        await using var chunks = new AwsChunkedBody(PipeReader.Create(source), 1024 * 1024, hasTrailers);
        chunks.SignWith(S3Key, seed);
        using var sent = new MemoryStream();
        await chunks.CopyToAsync(sent, Limits.Token);
        return Encoding.Latin1.GetString(sent.ToArray());
    }

    private static SortedDictionary<string, string> HeadersOf(string lines)
    {
        var headers = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var line in lines.Split('|', StringSplitOptions.RemoveEmptyEntries)) headers[line[..line.IndexOf(':', StringComparison.Ordinal)]] = line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..];
        return headers;
    }
}
