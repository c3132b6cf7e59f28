using System.Globalization;
using Fairlead.EndToEnd.Harness;
using Fairlead.EndToEnd.Origins;

namespace Fairlead.EndToEnd.Http;

/// <summary>Clients that ask before they send, and origins that answer before they have read.</summary>
public sealed class ExpectTests(SharedSite shared)
{
    private readonly Site _site = shared.Site;

    [Fact]
    public async Task A_client_that_waits_for_100_gets_it()
    {
        var body = BodyFile("accepted");

        // Without the 100, curl would wait for longer than the test.
        var result = await _site.RunAsync(
            "curl", "-sSv", "--http1.1", "--expect100-timeout", Seconds(Limits.Test * 2), "-H", "Expect: 100-continue", "--data-binary", "@" + body, "https://origin.test/upload/accepted");

        Assert.Contains("HTTP/1.1 100 ", result.Succeeded().Stderr, StringComparison.Ordinal);
        Assert.Equal(TestPattern.Sha256(2_000_000), (string?)result.Json["bodySha256"]);
    }

    [Fact]
    public async Task After_a_refused_expectation_the_next_request_is_answered()
    {
        var body = BodyFile("refused");

        var result = await _site.RunAsync(
            "curl", "-sS", "--http1.1", "--expect100-timeout", Seconds(Limits.Test * 2), "-o", "/dev/null", "-w", "%{http_code}\n",
            "-H", "Expect: 100-continue", "--data-binary", "@" + body, "https://origin.test/expect/refuse",
            "--next", "-sS", "--http1.1", "-o", "/dev/null", "-w", "%{http_code}\n", "https://origin.test/echo/after-refusal");

        Assert.Equal("417\n200\n", result.Succeeded().Stdout);
    }

    [Fact]
    public async Task An_answer_that_comes_while_the_workload_pauses_its_upload_arrives()
    {
        // Over HTTP/1.1 it arrives when the upload goes on or ends: see the known limits in CHANGELOG.md.
        const string option = "--http2";
        // The bytes fit the pipe. "-T ." reads what is there and does not wait: curl can take an answer while its input is still open.
        await using var curl = _site.Start("curl", "-sS", option, "-T", ".", "-w", " %{http_code}", $"https://origin.test/early/{option}");

        await curl.Stdin.WriteAsync(TestPattern.Bytes(20_000), Limits.Token());
        await curl.Stdin.FlushAsync(Limits.Token());

        var result = await curl.WaitAsync(Limits.Token());
        Assert.Equal("too large 413", result.Stdout);
    }

    [Theory]
    [InlineData("--http1.1")]
    [InlineData("--http2")]
    public async Task An_upload_that_the_origin_refuses_midway_ends(string option)
    {
        // More than all buffers on the way hold, and little enough to be through before the origin gives up draining it.
        var result = await _site.RunAsync(
            "sh", "-c", $"head -c 40000000 /dev/zero | curl -sS {option} -T - -w ' %{{http_code}}' https://origin.test/early/midway{option}");

        Assert.Equal("too large 413", result.Stdout);
    }

    private static string Seconds(TimeSpan time) => time.TotalSeconds.ToString(CultureInfo.InvariantCulture);

    private string BodyFile(string name)
    {
        var file = _site.Folder.File(name);
        File.WriteAllBytes(file, TestPattern.Bytes(2_000_000));
        return file;
    }
}
