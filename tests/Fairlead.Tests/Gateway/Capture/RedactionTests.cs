using System.IO.Compression;
using System.Text;
using Fairlead.Gateway.Capture;

namespace Fairlead.Tests.Gateway.Capture;

public sealed class RedactionTests
{
    private const string Secret = "FAKEsecret0123456789FAKE";

    public static TheoryData<string, string> Values => new()
    {
        { "Authorization", Secret }, { "authorization", "Bearer " + Secret }, { "Cookie", "a=" + Secret }, { "Set-Cookie", "a=" + Secret }, { "Proxy-Authorization", Secret }, { "X-Api-Key", Secret },
        { "apikey", Secret }, { "X-Auth-Token", Secret }, { "X-Amz-Signature", Secret }, { "X-CSRF-Token", Secret }, { "DD-API-KEY", Secret }, { "DD-APPLICATION-KEY", Secret }, { "client_secret", Secret },
        { "Referer", $"https://a.test/?access_token={Secret}" }, { "X-Other", $"eyJ{Secret}.{Secret}.{Secret}" }, { "X-Other", $"ghp_{Secret}" }, { "X-Other", $"sk-ant-si-{Secret}" }, { "X-Other", $"Basic {Secret}" },
    };

    public static TheoryData<string> Texts => new()
    {
        $$"""{"a":1,"password":"{{Secret}}","b":2}""", $$"""{ "apiKey" : "a\"b{{Secret}}" }""", $$"""{"token":"{{Secret}}""", $"grant_type=x&client_secret={Secret}&b=2", $"user=a&password={Secret}",
        $"export X_TOKEN={Secret}\nother=1", $"-----BEGIN RSA PRIVATE KEY-----\n{Secret}\n-----END RSA PRIVATE KEY-----", $"-----BEGIN PRIVATE KEY-----\n{Secret}", $"curl -H 'Authorization: Bearer {Secret}'",
        $$"""{"signature":"{{Secret}}"}""", $$"""{"session_id":"{{Secret}}"}""", $"code=1&X-Amz-Signature={Secret}", $"https://b.test/o?sv=1&sig={Secret}&se=2", $"https://a.test/callback?code={Secret}",
        $"--b\r\nContent-Disposition: form-data; name=\"password\"\r\nContent-Type: text/plain\r\n\r\n{Secret}\r\n--b--",
        $$"""{"body":"{\"password\":\"{{Secret}}\"}"}""", $$"""{"body":"{\u0022api_key\u0022: \u0022{{Secret}}\u0022}"}""",
    };

    [Theory]
    [MemberData(nameof(Values))]
    public void A_value_under_a_name_or_of_a_shape_that_says_so_is_taken_out(string name, string value) =>
        Assert.DoesNotContain(Secret, Redaction.Value(name, value), StringComparison.Ordinal);

    [Theory]
    [MemberData(nameof(Texts))]
    public void So_is_what_a_text_says_is_one(string text)
    {
        var redacted = Redaction.Text(text);

        Assert.DoesNotContain(Secret, redacted, StringComparison.Ordinal);
        Assert.Contains("***", redacted, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Content-Type", "application/json")]
    [InlineData("Accept", "text/html, */*; q=0.5")]
    [InlineData("User-Agent", "curl/8.5.0")]
    [InlineData("X-Monkey", "banana")]
    public void What_is_none_stays(string name, string value) => Assert.Equal(value, Redaction.Value(name, value));

    [Fact]
    public void What_is_secret_in_a_request_is_known_by_its_parts()
    {
        Assert.Contains(Secret, Redaction.SecretsIn("Authorization", "Bearer " + Secret));
        Assert.Contains(Secret, Redaction.SecretsIn("Cookie", $"a=1; sid={Secret}"));
        Assert.Contains(Secret, Redaction.SecretsInQuery($"/?a=b&api_key={Secret}&c"));
        Assert.Empty(Redaction.SecretsIn("Accept", Secret));
    }

    [Fact]
    public void A_target_keeps_what_is_no_secret() =>
        Assert.Equal("/a/b?page=2&api_key=***&access%5Ftoken=***&q=x", Redaction.Target($"/a/b?page=2&api_key={Secret}&access%5Ftoken={Secret}&q=x"));

    [Theory]
    [InlineData("gzip")]
    [InlineData("br")]
    [InlineData("deflate")]
    [InlineData("")]
    public void A_compressed_body_is_looked_through_and_cut_at_its_limit(string encoding)
    {
        using var packed = new MemoryStream();
        Func<Stream, Stream> pack = encoding switch
        {
            "gzip" => inner => new GZipStream(inner, CompressionMode.Compress, leaveOpen: true),
            "br" => inner => new BrotliStream(inner, CompressionMode.Compress, leaveOpen: true),
            "deflate" => inner => new ZLibStream(inner, CompressionMode.Compress, leaveOpen: true),
            _ => inner => inner,
        };
        var stream = pack(packed);
        stream.Write(Encoding.UTF8.GetBytes($"{{\"token\":\"{Secret}\",\"echo\":\"injected-value-of-ours\",\"text\":\"{new string('y', 100_000)}\"}}"));
        if (stream != packed) stream.Dispose();

        var body = new BoundedBody(2000);
        body.Add(packed.ToArray());
        var kept = CapturedBody.Of(body, encoding, ["injected-value-of-ours"]);

        Assert.DoesNotContain(Secret, kept.Text!, StringComparison.Ordinal);
        Assert.DoesNotContain("injected-value-of-ours", kept.Text!, StringComparison.Ordinal);
        Assert.StartsWith("{\"token\":\"***\",\"echo\":\"***\"", kept.Text!, StringComparison.Ordinal);
        Assert.True(kept.IsTruncated);
        Assert.InRange(kept.Text!.Length, 1, 2000);
        Assert.Equal(packed.Length, kept.Length);
    }

    [Fact]
    public void What_cannot_be_looked_through_is_left_out()
    {
        var body = new BoundedBody(100);
        body.Add("anything"u8);

        Assert.Null(CapturedBody.Of(body, "zstd", []).Text);
        Assert.Null(CapturedBody.Of(body, "gzip, br", []).Text);
    }

    [Fact]
    public void Bytes_are_kept_as_they_are_and_hide_nothing()
    {
        byte[] bytes = [0, 1, 2, 0xff, .. Encoding.ASCII.GetBytes("ours-0123456789"), 0xfe];
        var body = new BoundedBody(100);
        body.Add(bytes);

        var kept = CapturedBody.Of(body, "", ["ours-0123456789"]);

        Assert.Equal("base64", kept.Encoding);
        Assert.Equal([0, 1, 2, 0xff, .. "***"u8, 0xfe], Convert.FromBase64String(kept.Text!));
    }

    [Fact]
    public void A_hostile_text_takes_no_long_time() => Seeded.Check(50, random =>
    {
        var piece = random.Pick<string>(["\"token", "token=", "eyJ", "\"a\\", "-----BEGIN ", "Bearer ", "&&", "sk-", "\"password\":\"\\"]);
        var text = string.Concat(Enumerable.Repeat(piece, 64 * 1024 / piece.Length));
        var began = System.Diagnostics.Stopwatch.GetTimestamp();
        _ = Redaction.Text(text);
        Assert.InRange(System.Diagnostics.Stopwatch.GetElapsedTime(began), TimeSpan.Zero, TimeSpan.FromSeconds(5));
    });
}
