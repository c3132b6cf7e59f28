using System.IO.Pipelines;
using System.Text;
using System.Text.RegularExpressions;
using Fairlead.Gateway.Signing;
using Microsoft.AspNetCore.Http;

namespace Fairlead.Tests.Gateway.Signing;

public sealed partial class AwsChunkedBodyTests
{
    private static readonly AwsKey Key = new("FAKE", new("us-east-1", "s3"), new DateTimeOffset(2013, 5, 24, 0, 0, 0, TimeSpan.Zero));
    private static readonly string Zeros = new('0', 64);

    [Fact]
    public async Task Whatever_is_sent_comes_out_with_other_signatures_and_is_otherwise_the_same_or_is_refused()
    {
        var accepted = 0;
        await Seeded.CheckAsync(5000, async random =>
        {
            var hasTrailers = random.Next(2) == 0;
            var body = Mutated(random, BodyOf(random, hasTrailers));

            if (await SignedAsync(body, hasTrailers, random.Next(1, 40)) is not { } sent) return;
            accepted++;
            Assert.Equal(Blank(body), Blank(sent));
        });

        Assert.InRange(accepted, 500, 4900);
    }

    [Fact]
    public async Task Where_the_body_is_cut_makes_no_difference()
    {
        var body = $"3;chunk-signature={Zeros}\r\nabc\r\n0;chunk-signature={Zeros}\r\na:b\r\nx-amz-trailer-signature:{Zeros}\r\n\r\n";
        var whole = await SignedAsync(body, true, int.MaxValue);

        for (var size = 1; size < 20; size++) Assert.Equal(whole, await SignedAsync(body, true, size));
        for (var length = 0; length < body.Length; length++) Assert.Null(await SignedAsync(body[..length], true, 7));
    }

    [Theory]
    [InlineData(4096, true)]
    [InlineData(4097, false)]
    public async Task A_line_has_a_bound(int length, bool isTaken)
    {
        var line = "a:" + new string('b', length - 2);

        var sent = await SignedAsync($"0;chunk-signature={Zeros}\r\n{line}\r\nx-amz-trailer-signature:{Zeros}\r\n\r\n", true, 1000);

        Assert.Equal(isTaken, sent is not null);
    }

    [Fact]
    public async Task Trailers_have_a_bound()
    {
        var lines = string.Concat(Enumerable.Repeat("a:b\r\n", 33));

        Assert.Null(await SignedAsync($"0;chunk-signature={Zeros}\r\n{lines}x-amz-trailer-signature:{Zeros}\r\n\r\n", true, 1000));
    }

    private static string BodyOf(Random random, bool hasTrailers)
    {
        var body = new StringBuilder();
        for (var chunk = random.Next(4); chunk > 0; chunk--)
        {
            var data = Encoding.Latin1.GetString(random.NextBytes(random.Next(1, 50), "\r\n;0a"u8));
            body.Append($"{data.Length:x};chunk-signature={Zeros}\r\n{data}\r\n");
        }

        body.Append($"0;chunk-signature={Zeros}\r\n");
        if (hasTrailers) body.Append($"x-amz-checksum-crc32: AAAA \r\nx-amz-trailer-signature:{Zeros}\r\n");
        return body.Append("\r\n").ToString();
    }

    private static string Mutated(Random random, string body)
    {
        var text = new StringBuilder(body);
        for (var change = random.Next(3); change > 0 && text.Length > 0; change--)
        {
            var at = random.Next(text.Length);
            switch (random.Next(4))
            {
                case 0: text[at] = random.Pick('\r', '\n', ';', '0', 'f', ':', '\0'); break;
                case 1: text.Remove(at, random.Next(1, Math.Min(8, text.Length - at))); break;
                case 2: text.Insert(at, random.Pick("\r\n", "0;chunk-signature=", "0", "\r", " ")); break;
                default: text.Length = at; break;
            }
        }

        return text.ToString();
    }

    // Null when it was refused; anything else than that is a failure.
    private static async Task<string?> SignedAsync(string body, bool hasTrailers, int pieceSize)
    {
        var pipe = new Pipe();
        var writing = Task.Run(async () =>
        {
            var bytes = Encoding.Latin1.GetBytes(body);
            for (var at = 0; at < bytes.Length; at += Math.Min(pieceSize, bytes.Length - at)) await pipe.Writer.WriteAsync(bytes.AsMemory(at, Math.Min(pieceSize, bytes.Length - at)), Limits.Token);
            await pipe.Writer.CompleteAsync();
        });
        await using var chunks = new AwsChunkedBody(pipe.Reader, 100, hasTrailers);
        chunks.SignWith(Key, Zeros);
        using var sent = new MemoryStream();
        try
        {
            await chunks.CopyToAsync(sent, Limits.Token);
            return Encoding.Latin1.GetString(sent.ToArray());
        }
        catch (BadHttpRequestException e)
        {
            Assert.Equal(400, e.StatusCode);
            return null;
        }
        finally
        {
            await pipe.Reader.CompleteAsync();
            await writing;
        }
    }

    private static string Blank(string body) => Signature().Replace(body, "$1");

    [GeneratedRegex("(signature[=:])[0-9a-f]{64}", RegexOptions.IgnoreCase)]
    private static partial Regex Signature();
}
