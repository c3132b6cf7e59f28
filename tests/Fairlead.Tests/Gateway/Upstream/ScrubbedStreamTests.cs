using System.IO.Pipelines;
using System.Text;
using System.Text.RegularExpressions;
using Fairlead.Gateway.Upstream;
using Fairlead.Tests.Gateway.Credentials;

namespace Fairlead.Tests.Gateway.Upstream;

/// <summary>A stream without the secrets in it, however it is cut into pieces.</summary>
public sealed partial class ScrubbedStreamTests
{
    private const string Key = "FAKE-secret-0123456789";
    private const string Filler = "abc XYZ 0189 {}[],:\"\n";

    [Fact]
    public Task A_secret_does_not_pass_in_any_form_and_cut_at_any_place() => Seeded.CheckAsync(1000, async random =>
    {
        var secret = NextSecret(random);
        var form = random.Pick<string>([.. Echoes.All.Keys]);
        var echo = Echoes.All[form](secret, random);
        var (before, after) = (NextFiller(random), NextFiller(random));
        var sent = Encoding.Latin1.GetBytes(before + echo + after);
        var keepsLength = random.Next(2) == 0;
        var found = new List<string>();

        var passed = await ReadAsync(new ScrubbedStream(new Pieces(sent, random), ScrubberTests.ScrubberOf(found, ("k", secret)), keepsLength), random);

        Assert.True(found is ["k"], $"{form} of '{secret}' was not found: '{passed}'");
        Assert.DoesNotContain(echo, passed, StringComparison.Ordinal);
        Assert.StartsWith(before, passed, StringComparison.Ordinal);
        Assert.EndsWith(after, passed, StringComparison.Ordinal);
        if (keepsLength) Assert.Equal(sent.Length, passed.Length);
        else if (!Echoes.IsAmongOthers(form)) Assert.Equal(before + "[fairlead:redacted:k]" + after, passed);
        // It could not be found in what passed, either.
        Assert.Equal(passed, ScrubberTests.ScrubberOf([], ("k", secret)).Clean(passed));
    });

    [Fact]
    public async Task What_came_before_a_break_passes_before_the_break_is_told()
    {
        await using var stream = new ScrubbedStream(new Breaks("data: one\n\n"u8.ToArray()), ScrubberTests.ScrubberOf([], ("k", Key)), keepsLength: true);
        var buffer = new byte[100];

        var bytes = await stream.ReadAsync(buffer, Limits.Token);

        Assert.Equal("data: one\n\n", Encoding.ASCII.GetString(buffer, 0, bytes));
        await Assert.ThrowsAsync<IOException>(() => stream.ReadAsync(buffer, Limits.Token).AsTask());
    }

    [Fact]
    public Task What_holds_no_secret_passes_byte_for_byte() => Seeded.CheckAsync(500, async random =>
    {
        // Pieces of the secret, escapes and their beginnings, and any bytes.
        var bytes = random.NextBytes(random.Next(400), "%\\&#x;u0041FAKE-secret+/="u8);
        var text = Encoding.Latin1.GetString(bytes);
        var scrubber = ScrubberTests.ScrubberOf([], ("k", Key));
        if (scrubber.Clean(text) != text) return;

        Assert.Equal(text, await ReadAsync(new ScrubbedStream(new Pieces(bytes, random), scrubber, random.Next(2) == 0), random));
    });

    [Fact]
    public async Task Two_megabytes_with_a_secret_at_each_border_of_a_read_are_clean()
    {
        var sent = new byte[2 * 1024 * 1024];
        sent.AsSpan().Fill((byte)'.');
        for (var at = 65536; at < sent.Length; at += 65536) Encoding.ASCII.GetBytes(Key, sent.AsSpan(at - 11));

        var passed = await ReadAsync(new ScrubbedStream(new MemoryStream(sent), ScrubberTests.ScrubberOf([], ("k", Key)), keepsLength: true), new Random(1));

        Assert.Equal(sent.Length, passed.Length);
        Assert.DoesNotContain("FAKE", passed, StringComparison.Ordinal);
        Assert.Equal(31, passed.Split("[fairlead:redacted:k]*").Length - 1);
    }

    [Fact]
    public async Task An_event_passes_at_once()
    {
        var (pipe, stream) = Opened();

        await pipe.WriteAsync("data: FAKE\n\n"u8.ToArray(), Limits.Token);

        Assert.Equal("data: FAKE\n\n", await ReadOnceAsync(stream));
    }

    [Fact]
    public async Task An_end_that_tells_little_passes_when_nothing_comes_and_the_rest_does_not()
    {
        var (pipe, stream) = Opened();

        // Of 22 characters, five are less than a quarter.
        await pipe.WriteAsync("prompt FAKE-"u8.ToArray(), Limits.Token);
        Assert.Equal("prompt ", await ReadOnceAsync(stream));
        Assert.Equal("FAKE-", await ReadOnceAsync(stream));
        await pipe.WriteAsync("secr"u8.ToArray(), Limits.Token);
        await pipe.WriteAsync("et-0123456789 end\n"u8.ToArray(), Limits.Token);

        Assert.Equal("[fairlead:redacted:k] end\n", await ReadOnceAsync(stream));
    }

    [Fact]
    public async Task An_end_that_tells_much_waits_until_it_is_clear()
    {
        var (pipe, stream) = Opened();

        await pipe.WriteAsync("FAKE-secret-0123"u8.ToArray(), Limits.Token);
        var reading = ReadOnceAsync(stream);
        Assert.NotSame(reading, await Task.WhenAny(reading, Task.Delay(ScrubbedStream.Moment * 4, Limits.Token)));
        await pipe.WriteAsync("-no\n"u8.ToArray(), Limits.Token);

        Assert.Equal("FAKE-secret-0123-no\n", await reading);
    }

    [Theory]
    [InlineData("{\"key\":\"FAKE-secret-0123456789\"}", 32, "{\"key\":\"[fairlead:redacted:k]\"}")]
    [InlineData("{\"key\":\"none\"}", 14, "{\"key\":\"none\"}")]
    [InlineData("short", 6, null)]
    [InlineData("longer than said", 6, null)]
    public async Task A_short_answer_is_read_whole_where_it_comes_whole(string sent, int announced, string? whole)
    {
        var stream = new ScrubbedStream(new MemoryStream(Encoding.ASCII.GetBytes(sent)), ScrubberTests.ScrubberOf([], ("k", Key)), keepsLength: true);

        var length = await stream.TryReadWholeAsync(announced, Limits.Token);
        var passed = await ReadAsync(stream, new Random(1));

        Assert.Equal(whole?.Length, length);
        Assert.Equal(whole ?? sent, passed);
    }

    [Fact]
    public async Task A_short_answer_that_pauses_keeps_its_length()
    {
        var (pipe, stream) = Opened(keepsLength: true);

        await pipe.WriteAsync("key: FAKE-secret-"u8.ToArray(), Limits.Token);
        Assert.Null(await stream.TryReadWholeAsync(27, Limits.Token));
        Assert.Equal("key: ", await ReadOnceAsync(stream));
        await pipe.WriteAsync("0123456789"u8.ToArray(), Limits.Token);
        await pipe.CompleteAsync();

        Assert.Equal("[fairlead:redacted:k]*", await ReadAsync(stream, new Random(1)));
    }

    private static (PipeWriter Writer, ScrubbedStream Stream) Opened(bool keepsLength = false)
    {
        var pipe = new Pipe();
        return (pipe.Writer, new ScrubbedStream(pipe.Reader.AsStream(), ScrubberTests.ScrubberOf([], ("k", Key)), keepsLength));
    }

    private static async Task<string> ReadOnceAsync(Stream stream)
    {
        var buffer = new byte[4096];
        return Encoding.Latin1.GetString(buffer, 0, await stream.ReadAsync(buffer, Limits.Token));
    }

    private static async Task<string> ReadAsync(Stream stream, Random random)
    {
        var all = new StringBuilder();
        var buffer = new byte[random.Next(1, 5000)];
        while (true)
        {
            Assert.Equal(0, await stream.ReadAsync(Memory<byte>.Empty, Limits.Token));
            var bytes = await stream.ReadAsync(buffer, Limits.Token);
            if (bytes == 0) return all.ToString();
            all.Append(Encoding.Latin1.GetString(buffer, 0, bytes));
        }
    }

    private static string NextFiller(Random random) => string.Concat(Enumerable.Range(0, random.Next(40)).Select(_ => Filler[random.Next(Filler.Length)])) + "\n";

    private static string NextSecret(Random random)
    {
        var alphabet = random.Pick("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", string.Concat(Enumerable.Range(' ', 95).Select(c => (char)c)), "/+=%\\&<>\"' ab");
        while (true)
        {
            // Its end is none of an escape that what follows it could complete.
            var secret = 'S' + string.Concat(Enumerable.Range(0, random.Next(5, 60)).Select(_ => alphabet[random.Next(alphabet.Length)])) + "-e";
            // One that looks escaped itself is read as that beside escapes of another kind, and may be missed there.
            if (!LikeAnEscape().IsMatch(secret)) return secret;
        }
    }

    [GeneratedRegex("%[0-9a-fA-F]{2}|&#?[a-zA-Z0-9]+;|\\\\[^a-zA-Z0-9 ]|\\\\[ux][0-9a-fA-F]{2}")]
    private static partial Regex LikeAnEscape();

    /// <summary>Gives its bytes in pieces of random lengths.</summary>
    private sealed class Pieces(byte[] bytes, Random random) : MemoryStream(bytes)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            base.ReadAsync(buffer[..Math.Min(buffer.Length, random.Next(1, 30))], cancellationToken);
    }

    /// <summary>Gives some bytes, says that there are more, and breaks.</summary>
    private sealed class Breaks(byte[] bytes) : MemoryStream(bytes)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            buffer.IsEmpty ? ValueTask.FromResult(0) : Position < Length ? base.ReadAsync(buffer, cancellationToken) : throw new IOException("cut");
    }
}
