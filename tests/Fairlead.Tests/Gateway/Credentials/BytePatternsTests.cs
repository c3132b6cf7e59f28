using System.Text;
using Fairlead.Gateway.Credentials;

namespace Fairlead.Tests.Gateway.Credentials;

public sealed class BytePatternsTests
{
    [Fact]
    public void It_finds_what_a_search_place_by_place_finds()
    {
        var random = new Random(7);
        for (var round = 0; round < 4000; round++)
        {
            // Few letters, so that much looks alike; all lengths around those of the vectors.
            var patterns = Enumerable.Range(0, random.Next(1, 14)).Select(_ => Letters(random, random.Next(3, 12), 3)).ToList();
            var text = Letters(random, random.Next(0, 150), 3);
            var expected = Naive(text, patterns);

            Assert.Equal(expected, (new BytePatterns(patterns).IndexIn(text, out var length), length));
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(29)]
    [InlineData(31)]
    [InlineData(32)]
    [InlineData(47)]
    [InlineData(63)]
    [InlineData(1000)]
    public void It_finds_each_byte_value_wherever_it_stands(int before)
    {
        for (var value = 0; value < 256; value++)
        {
            var pattern = new[] { (byte)value, (byte)(value ^ 0x5a), (byte)(value + 1) };
            var text = new byte[before + 3];
            text.AsSpan().Fill((byte)(value + 7));
            pattern.CopyTo(text, before);

            Assert.Equal((before, 3), (new BytePatterns([pattern]).IndexIn(text, out var length), length));
        }
    }

    [Fact]
    public void Of_two_in_one_place_the_first_given_counts() =>
        Assert.Equal((2, 6), (new BytePatterns(["abcdef"u8.ToArray(), "abc"u8.ToArray()]).IndexIn(Encoding.ASCII.GetBytes("xxabcdef"), out var length), length));

    private static byte[] Letters(Random random, int length, int kinds) => [.. Enumerable.Range(0, length).Select(_ => (byte)('a' + random.Next(kinds)))];

    private static (int, int) Naive(byte[] text, List<byte[]> patterns)
    {
        for (var at = 0; at < text.Length; at++)
        {
            if (patterns.FirstOrDefault(p => text.AsSpan(at).StartsWith(p)) is { } found) return (at, found.Length);
        }

        return (-1, 0);
    }
}
