using System.Globalization;
using System.Text;
using Fairlead.EndToEnd.Harness;
using Fairlead.EndToEnd.Origins;

namespace Fairlead.EndToEnd.Http;

/// <summary>An answer is the origin's, to the byte.</summary>
public sealed class AnswerTests(SharedSite shared)
{
    [Theory]
    [InlineData("--http1.1")]
    [InlineData("--http2")]
    public async Task Two_cookies_stay_two_headers(string option)
    {
        var answer = await CurlAsync(option, "-i", "https://origin.test/cookies");

        var cookies = answer.Stdout.Split("\r\n").Where(line => line.StartsWith("set-cookie:", StringComparison.OrdinalIgnoreCase));
        Assert.Equal(["a=1; Path=/", "b=2; Expires=Wed, 01 Jan 2031 00:00:00 GMT"], cookies.Select(line => line[11..].Trim()));
    }

    [Theory]
    [InlineData("--http1.1")]
    [InlineData("--http2")]
    public async Task A_compressed_body_stays_compressed(string option)
    {
        var answer = await CurlAsync(option, "https://origin.test/gzip");

        Assert.Equal(ResponseEndpoints.Gzip(), answer.StdoutBytes);
    }

    [Theory]
    [InlineData("--http1.1")]
    [InlineData("--http2")]
    public async Task Head_has_a_length_and_no_body(string option)
    {
        var answer = await CurlAsync(option, "-I", "https://origin.test/head");

        Assert.Contains("content-length: 12345\r\n", answer.Stdout, StringComparison.OrdinalIgnoreCase);
        Assert.EndsWith("\r\n\r\n", answer.Stdout, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--http1.1", 204)]
    [InlineData("--http1.1", 304)]
    [InlineData("--http1.1", 404)]
    [InlineData("--http1.1", 503)]
    [InlineData("--http2", 204)]
    [InlineData("--http2", 304)]
    public async Task A_status_without_a_body_leaves_the_connection_usable(string option, int status)
    {
        var url = $"https://origin.test/status/{status}";

        var answer = await CurlAsync(option, "-o", "/dev/null", "-o", "/dev/null", "-w", "%{http_code} %{num_connects}\n", url, url + "/again");

        Assert.Equal(string.Create(CultureInfo.InvariantCulture, $"{status} 1\n{status} 0\n"), answer.Stdout);
    }

    [Fact]
    public async Task A_header_outside_ascii_keeps_its_bytes()
    {
        var answer = await CurlAsync("--http1.1", "-i", "https://origin.test/latin1");

        Assert.Contains("X-Name: caf\u00e9\r\n", Encoding.Latin1.GetString(answer.StdoutBytes), StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task A_client_of_http_1_0_is_answered()
    {
        var answer = await CurlAsync("--http1.0", "--no-alpn", "https://origin.test/bytes/100000?chunked");

        Assert.Equal(TestPattern.Bytes(100_000), answer.StdoutBytes);
    }

    private async Task<ToolResult> CurlAsync(params string[] arguments) => (await shared.Site.RunAsync("curl", ["-sS", .. arguments])).Succeeded();
}
