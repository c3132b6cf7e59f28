using System.Security.Cryptography;
using System.Text;
using BenchmarkDotNet.Attributes;
using Fairlead.Gateway.Credentials;
using Fairlead.Gateway.Upstream;

namespace Fairlead.Bench;

/// <summary>Searching 16 MiB of an answer in which there is no secret, as it streams. One second for a call is 1/64 GiB/s.</summary>
public class AnswerSearch
{
    private const int Megabytes = 16;

    private byte[] _body = null!;
    private (string, Secret)[] _secrets = null!;
    private readonly byte[] _buffer = new byte[64 * 1024];

    /// <summary>What is in it: bytes of a file that is compressed, JSON with an escape in each line, or a page with many.</summary>
    [Params("file", "json", "page")]
    public string Body { get; set; } = "";

    /// <summary>How many secrets are looked for.</summary>
    [Params(1, 4)]
    public int Secrets { get; set; }

    /// <summary>Makes the answer.</summary>
    [GlobalSetup]
    public void Setup()
    {
        _body = new byte[Megabytes * 1024 * 1024];
        var pattern = Body switch
        {
            "json" => Encoding.ASCII.GetBytes("""{"id":184467,"name":"a file of somebody","text":"one line\nand another","sha":"0a1b2c3d4e5f60718293a4b5c6d7e8f901234567","ok":true},"""),
            "page" => Encoding.ASCII.GetBytes("""<a href="/search?q=a%20b&amp;page=2" title="&quot;x&quot;">next</a> and some text between; """),
            _ => RandomNumberGenerator.GetBytes(1024 * 1024),
        };
        for (var at = 0; at < _body.Length; at += pattern.Length) pattern.AsSpan(0, Math.Min(pattern.Length, _body.Length - at)).CopyTo(_body.AsSpan(at));
        _secrets = [.. Enumerable.Range(0, Secrets).Select(i => ($"c{i}", SecretOf($"FAKE-{i}-{Convert.ToHexStringLower(SHA256.HashData([(byte)i]))[..32]}")))];
    }

    /// <summary>As every answer to a request with a credential is.</summary>
    [Benchmark]
    public Task<long> Searched() => ReadAsync(new ScrubbedStream(new MemoryStream(_body), Scrubber.For(_secrets, [])!, keepsLength: true) { ReadsEscapes = Body != "file" });

    /// <summary>As every other answer is.</summary>
    [Benchmark(Baseline = true)]
    public Task<long> Untouched() => ReadAsync(new MemoryStream(_body));

    private async Task<long> ReadAsync(Stream stream)
    {
        var all = 0L;
        while (await stream.ReadAsync(_buffer) is > 0 and var bytes) all += bytes;
        return all;
    }

    private static Secret SecretOf(string value) => Secret.TryCreate("s", value, out var secret, out _, out var problem) ? secret : throw new InvalidOperationException(problem);
}
