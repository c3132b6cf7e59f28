using Fairlead.Wire;

namespace Fairlead.Tests.Wire;

public sealed class FrameMaskTests
{
    private static readonly byte[] Key = [0x37, 0xfa, 0x21, 0x3d];

    [Fact]
    public void The_example_of_the_rfc_holds()
    {
        var masked = new byte[5];

        FrameMask.Apply("Hello"u8, masked, BitConverter.ToUInt32(Key));

        Assert.Equal("7f9f4d5158", Convert.ToHexStringLower(masked));
    }

    [Fact]
    public void Every_length_and_offset_is_masked_byte_by_byte()
    {
        var input = Enumerable.Range(0, 200).Select(i => (byte)(i * 7)).ToArray();
        for (var length = 0; length <= 200; length++)
        {
            for (var offset = 0; offset <= 9; offset++)
            {
                var expected = input[..length].Select((b, i) => (byte)(b ^ Key[(i + offset) % 4])).ToArray();

                var output = new byte[length + 1];
                FrameMask.Apply(input.AsSpan(0, length), output, BitConverter.ToUInt32(Key), offset);
                var inPlace = input[..length];
                FrameMask.Apply(inPlace, inPlace, BitConverter.ToUInt32(Key), offset);

                Assert.Equal([.. expected, 0], output);
                Assert.Equal(expected, inPlace);
            }
        }
    }

    [Fact]
    public void A_payload_masked_in_two_parts_is_masked_as_one()
    {
        Seeded.Check(2_000, random =>
        {
            var payload = random.NextBytes(random.Next(1, 300));
            var key = (uint)random.NextInt64(uint.MaxValue);
            var cut = random.Next(payload.Length + 1);
            var whole = new byte[payload.Length];
            var parts = new byte[payload.Length];

            FrameMask.Apply(payload, whole, key);
            FrameMask.Apply(payload.AsSpan(0, cut), parts, key);
            FrameMask.Apply(payload.AsSpan(cut), parts.AsSpan(cut), key, cut);
            Assert.Equal(whole, parts);

            FrameMask.Apply(parts, parts, key);
            Assert.Equal(payload, parts);
        });
    }
}
