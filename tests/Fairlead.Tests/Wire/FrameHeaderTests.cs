using Fairlead.Wire;

namespace Fairlead.Tests.Wire;

public sealed class FrameHeaderTests
{
    private const int Most = Protocol.MaxMessageBytes;

    [Theory]
    [InlineData("8200", FrameKind.Binary, true, false, 2, 0)]
    [InlineData("827d", FrameKind.Binary, true, false, 2, 125)]
    [InlineData("827e007e", FrameKind.Binary, true, false, 4, 126)]
    [InlineData("827effff", FrameKind.Binary, true, false, 4, 65_535)]
    [InlineData("827f0000000000010000", FrameKind.Binary, true, false, 10, 65_536)]
    [InlineData("827f0000000000080400", FrameKind.Binary, true, false, 10, Most)]
    [InlineData("827e0005", FrameKind.Binary, true, false, 4, 5)] // longer than need be, but there is one way to read it
    [InlineData("827f0000000000000005", FrameKind.Binary, true, false, 10, 5)]
    [InlineData("0200", FrameKind.Binary, false, false, 2, 0)]
    [InlineData("0000", FrameKind.Continuation, false, false, 2, 0)]
    [InlineData("8000", FrameKind.Continuation, true, false, 2, 0)]
    [InlineData("8100", FrameKind.Text, true, false, 2, 0)]
    [InlineData("8802", FrameKind.Close, true, false, 2, 2)]
    [InlineData("897d", FrameKind.Ping, true, false, 2, 125)]
    [InlineData("8a00", FrameKind.Pong, true, false, 2, 0)]
    [InlineData("828001020304", FrameKind.Binary, true, true, 6, 0)]
    [InlineData("82fe010001020304", FrameKind.Binary, true, true, 8, 256)]
    [InlineData("82ff000000000001000001020304", FrameKind.Binary, true, true, 14, 65_536)]
    internal void A_head_is_read_when_its_last_byte_came(string hex, FrameKind kind, bool isFinal, bool isMasked, int headerBytes, int payloadBytes)
    {
        var input = Convert.FromHexString(hex);

        for (var length = 0; length < input.Length; length++)
            Assert.False(FrameHeader.TryRead(input.AsSpan(0, length), Most, out _));

        Assert.True(FrameHeader.TryRead([.. input, 0xff, 0xff], Most, out var header));
        var key = isMasked ? BitConverter.ToUInt32([1, 2, 3, 4]) : 0;
        Assert.Equal(new FrameHeader(kind, isFinal, isMasked, key, headerBytes, payloadBytes), header);
    }

    [Theory]
    [InlineData("c200")] // RSV1: compression was not negotiated
    [InlineData("a200")]
    [InlineData("9200")]
    [InlineData("f200")]
    [InlineData("c900")]
    [InlineData("8300")]
    [InlineData("8400")]
    [InlineData("8500")]
    [InlineData("8600")]
    [InlineData("8700")]
    [InlineData("8b00")]
    [InlineData("8c00")]
    [InlineData("8d00")]
    [InlineData("8e00")]
    [InlineData("8f00")]
    [InlineData("0800")] // control frames are not fragmented
    [InlineData("0900")]
    [InlineData("0a00")]
    [InlineData("897e")] // nor longer than 125 bytes, and the second byte tells
    [InlineData("887e")]
    [InlineData("8a7f")]
    [InlineData("89fe")]
    [InlineData("827f0000000000080401")]
    [InlineData("827f0000000100000000")]
    [InlineData("827f7fffffffffffffff")]
    [InlineData("827f8000000000000000")]
    [InlineData("827fffffffffffffffff")]
    public void A_head_that_breaks_a_rule_is_refused(string hex) =>
        Assert.Throws<ProtocolException>(() => FrameHeader.TryRead(Convert.FromHexString(hex), Most, out _));

    [Fact]
    public void What_is_written_is_read_again()
    {
        foreach (var payloadBytes in (ReadOnlySpan<int>)[0, 1, 124, 125, 126, 127, 128, 65_534, 65_535, 65_536, 65_537, Most])
        {
            foreach (var isMasked in (ReadOnlySpan<bool>)[false, true])
            {
                var bytes = new byte[FrameHeader.MaxBytes];
                var written = FrameHeader.Write(bytes, FrameKind.Binary, payloadBytes, isMasked, isMasked ? 0xdeadbeef : 0);

                Assert.True(FrameHeader.TryRead(bytes.AsSpan(0, written), Most, out var header));
                Assert.Equal(new FrameHeader(FrameKind.Binary, true, isMasked, isMasked ? 0xdeadbeef : 0, written, payloadBytes), header);
                // RFC 6455 §5.2: the length is written in the fewest bytes.
                Assert.Equal(RawFrame.Of(RawFrame.Binary, new byte[payloadBytes], isMasked ? BitConverter.GetBytes(0xdeadbeef) : null).Length, written + payloadBytes);
            }
        }
    }
}
