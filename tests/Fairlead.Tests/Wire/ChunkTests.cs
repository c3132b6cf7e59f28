using System.Text;
using Fairlead.Tests.Wire.Oracle;
using Fairlead.Wire;
using Google.Protobuf;

namespace Fairlead.Tests.Wire;

/// <summary>
/// Chunk against the reference implementation of protobuf. The differences that are allowed, each because ours refuses more:
/// <list type="bullet">
/// <item>text must be UTF-8, as proto3 demands; the reference replaces bad bytes;</item>
/// <item>a tag or a length beyond 32 bits is malformed; the reference drops the upper bits and would read another message than its sender wrote;</item>
/// <item>more than 512 KiB of data, even if a later field replaces it;</item>
/// <item>groups nested deeper than 64; the reference stops at 100.</item>
/// </list>
/// </summary>
public sealed class ChunkTests
{
    /// <summary>Bytes that are tags, short lengths and the ends of varints: fuzz made of them comes further than noise.</summary>
    private static readonly byte[] Telling =
        [0x0a, 0x10, 0x1a, 0x20, 0xa0, 0xb0, 0x06, 0, 1, 2, 3, 4, 5, 8, 0x7f, 0x80, 0xff, 0x09, 0x0d, 0x0b, 0x0c, 0x2b, 0x2c, 0x2a, 0x28, 0x61, 0xc3, 0x22];

    [Fact]
    public void The_keepalive_is_an_empty_chunk()
    {
        var chunk = Chunk.Parse(Chunk.KeepAlive.ToArray());

        Assert.Equal("0a00", Convert.ToHexStringLower(Chunk.KeepAlive));
        Assert.True(chunk.Data.IsEmpty);
        Assert.False(chunk.EndOfData);
    }

    [Fact]
    public void The_end_of_data_is_what_the_reference_writes()
    {
        Assert.Equal(new UpstreamProxyChunk { EndOfData = true }.ToByteArray(), Chunk.EndOfDataMessage.ToArray());
        Assert.True(Chunk.Parse(Chunk.EndOfDataMessage.ToArray()).EndOfData);
    }

    [Fact]
    public void The_next_tunnel_is_what_the_reference_writes()
    {
        Assert.Equal(new UpstreamProxyChunk { Next = true }.ToByteArray(), Chunk.NextMessage.ToArray());
        Assert.True(Chunk.Parse(Chunk.NextMessage.ToArray()).Next);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(127)]
    [InlineData(128)]
    [InlineData(Protocol.MaxNoticeBytes)]
    public void A_notice_is_what_the_reference_reads(int bytes)
    {
        var notice = Enumerable.Repeat((byte)'n', bytes).ToArray();

        var message = Chunk.NoticeMessage(notice);

        Assert.Equal(notice, UpstreamProxyChunk.Parser.ParseFrom(message).Notice.ToByteArray());
        Assert.Equal(notice, Chunk.Parse(message).Notice.ToArray());
    }

    [Fact]
    public void A_notice_that_is_too_large_is_passed_over_and_its_data_is_not()
    {
        var message = new UpstreamProxyChunk { Data = ByteString.CopyFromUtf8("data"), Notice = ByteString.CopyFrom(new byte[Protocol.MaxNoticeBytes + 1]) };

        var chunk = Chunk.Parse(message.ToByteArray());

        Assert.True(chunk.Notice.IsEmpty);
        Assert.Equal("data"u8.ToArray(), chunk.Data.ToArray());
    }

    [Theory]
    [InlineData("", "", false, "", 0, false)]
    [InlineData("0a00", "", false, "", 0, false)]
    [InlineData("0a03616263", "616263", false, "", 0, false)]
    [InlineData("0a01610a0162", "62", false, "", 0, false)] // doubled: the last one counts
    [InlineData("0a01610a00", "", false, "", 0, false)]
    [InlineData("1001", "", true, "", 0, false)]
    [InlineData("10011000", "", false, "", 0, false)]
    [InlineData("108080808080808080800 1", "", true, "", 0, false)]
    [InlineData("1a01611a0162", "", false, "b", 0, false)]
    [InlineData("20bb03", "", false, "", 443, false)]
    [InlineData("20ffffffffffffffffff01", "", false, "", -1, false)]
    [InlineData("20bb8380808010", "", false, "", 443, false)] // int32 keeps the lower 32 bits
    [InlineData("1a0178 0a0179 20bb03 1001", "79", true, "x", 443, false)] // any order
    [InlineData("a00601", "", false, "", 0, true)]
    [InlineData("a006010a0161", "61", false, "", 0, true)]
    [InlineData("0801 0a0161", "61", false, "", 0, false)] // field 1 as a number is an unknown field
    [InlineData("1201ff 0a0161", "61", false, "", 0, false)]
    [InlineData("2a03ffffff 0a0161", "61", false, "", 0, false)]
    [InlineData("2b2c 0a0161", "61", false, "", 0, false)] // an empty group
    [InlineData("2b33342c 0a0161", "61", false, "", 0, false)]
    [InlineData("290000000000000000 2d00000000 0a0161", "61", false, "", 0, false)]
    [InlineData("f8ffffff0f00 0a0161", "61", false, "", 0, false)] // field 536870911
    [InlineData("8a000161", "61", false, "", 0, false)] // a tag in two bytes where one would do
    [InlineData("0a818000 61", "61", false, "", 0, false)]
    public void A_message_is_read_as_protobuf_says(string hex, string data, bool isConnect, string host, int port, bool endOfData)
    {
        var message = Hex(hex);

        var chunk = Chunk.Parse(message);

        Assert.Equal(data, Convert.ToHexStringLower(chunk.Data.Span));
        Assert.Equal((isConnect, host, port, endOfData), (chunk.IsConnect, chunk.Host, chunk.Port, chunk.EndOfData));
        AssertSame(UpstreamProxyChunk.Parser.ParseFrom(message), chunk);
    }

    [Theory]
    [InlineData("0a")]
    [InlineData("0a01")]
    [InlineData("0a0261")]
    [InlineData("0a80")]
    [InlineData("0affffffff07")]
    [InlineData("0affffffffffffffffff01")] // a negative length
    [InlineData("0affffffffffffffffffff01")] // a varint of 11 bytes
    [InlineData("10")]
    [InlineData("10ffffffffffffffffffff")]
    [InlineData("00")] // field 0
    [InlineData("0700")]
    [InlineData("0e")] // wire type 6
    [InlineData("0f")]
    [InlineData("2c")] // the end of a group that did not begin
    [InlineData("2b")]
    [InlineData("2b34")] // the end of another group
    [InlineData("2b0a01")]
    [InlineData("2900000000000000")]
    [InlineData("2d000000")]
    [InlineData("2a05 61")]
    [InlineData("108080808080808080808000")] // a varint of 11 bytes, though the value would fit
    [InlineData("48545450")] // text
    [InlineData("7b22646174 61223a22227d")] // JSON
    public void What_is_not_protobuf_is_refused_by_both(string hex)
    {
        Assert.Throws<ProtocolException>(() => Chunk.Parse(Hex(hex)));
        Assert.Throws<InvalidProtocolBufferException>(() => UpstreamProxyChunk.Parser.ParseFrom(Hex(hex)));
    }

    [Theory]
    [InlineData("8a80808010 0161")] // tag 0x10000000a
    [InlineData("0a8180808010 61")] // length 2^32 + 1
    [InlineData("1a01ff")]
    [InlineData("1a02c080")]
    [InlineData("1a03eda080")] // a surrogate
    public void What_only_a_lenient_reader_takes_is_refused(string hex) => Assert.Throws<ProtocolException>(() => Chunk.Parse(Hex(hex)));

    [Fact]
    public void Data_of_512_KiB_is_the_most()
    {
        var most = new UpstreamProxyChunk { Data = ByteString.CopyFrom(new byte[Protocol.MaxChunkBytes]) }.ToByteArray();
        var more = new UpstreamProxyChunk { Data = ByteString.CopyFrom(new byte[Protocol.MaxChunkBytes + 1]) }.ToByteArray();

        Assert.Equal(524_288, Chunk.Parse(most).Data.Length);
        Assert.Throws<ProtocolException>(() => Chunk.Parse(more));
        Assert.Throws<ProtocolException>(() => Chunk.Parse(new byte[] { 0x0a, 0x81, 0x80, 0x20 }));
        Assert.True(most.Length <= Protocol.MaxMessageBytes);
    }

    [Fact]
    public void Groups_nest_64_deep_at_most()
    {
        byte[] Nested(int depth) => [.. Enumerable.Repeat((byte)0x2b, depth), .. Enumerable.Repeat((byte)0x2c, depth), 0x0a, 1, 0x61];

        Assert.Equal("a"u8, Chunk.Parse(Nested(64)).Data.Span);
        Assert.Throws<ProtocolException>(() => Chunk.Parse(Nested(65)));
        Assert.Throws<ProtocolException>(() => Chunk.Parse(Nested(200_000)));
        Assert.Throws<ProtocolException>(() => Chunk.Parse(Enumerable.Repeat((byte)0x2b, 500_000).ToArray()));
    }

    [Theory]
    [InlineData(0, "0a00")]
    [InlineData(1, "0a01")]
    [InlineData(127, "0a7f")]
    [InlineData(128, "0a8001")]
    [InlineData(16_383, "0aff7f")]
    [InlineData(16_384, "0a808001")]
    [InlineData(524_288, "0a808020")]
    public void The_head_of_a_chunk_is_tag_and_length(int dataBytes, string hex)
    {
        var head = new byte[Chunk.MaxHeaderBytes];

        var written = Chunk.WriteHeader(head, dataBytes);

        Assert.Equal(hex, Convert.ToHexStringLower(head.AsSpan(0, written)));
    }

    [Fact]
    public void What_we_write_the_reference_reads()
    {
        Seeded.Check(2_000, random =>
        {
            var data = random.NextBytes(random.Pick(0, 1, 127, 128, 16_383, 16_384, random.Next(70_000)));
            var head = new byte[Chunk.MaxHeaderBytes];
            byte[] message = [.. head.AsSpan(0, Chunk.WriteHeader(head, data.Length)), .. data];

            var read = UpstreamProxyChunk.Parser.ParseFrom(message);

            Assert.True(read.Data.Span.SequenceEqual(data));
            Assert.True(data.Length == 0 || read.ToByteArray().AsSpan().SequenceEqual(message));
        });
    }

    [Fact]
    public void What_the_reference_writes_we_read()
    {
        Seeded.Check(20_000, random =>
        {
            var expected = NextMessage(random);

            AssertSame(expected, Chunk.Parse(expected.ToByteArray()));
        });
    }

    [Fact]
    public void Fields_in_any_order_doubled_or_unknown_are_read_as_the_reference_does()
    {
        Seeded.Check(20_000, random =>
        {
            var message = NextFields(random);

            AssertSame(UpstreamProxyChunk.Parser.ParseFrom(message), Chunk.Parse(message));
        });
    }

    [Fact]
    public void A_truncated_message_is_refused_or_read_as_the_reference_does()
    {
        Seeded.Check(1_000, random =>
        {
            var message = random.Next(2) == 0 ? NextFields(random) : NextMessage(random).ToByteArray();
            for (var length = 0; length < message.Length; length++) AssertAgree(message[..length]);
        });
    }

    [Fact]
    public void Noise_is_refused_or_read_as_the_reference_does()
    {
        Seeded.CheckFor(TimeSpan.FromSeconds(3), random =>
        {
            for (var i = 0; i < 50; i++) AssertAgree(random.NextBytes(random.Next(1, 40), random.Next(4) > 0 ? Telling : default));
        });
    }

    [Fact]
    public void A_message_with_flipped_bytes_is_refused_or_read_as_the_reference_does()
    {
        Seeded.CheckFor(TimeSpan.FromSeconds(2), random =>
        {
            var message = NextFields(random);
            for (var i = random.Next(1, 4); i > 0 && message.Length > 0; i--) message[random.Next(message.Length)] = random.NextBytes(1, Telling)[0];
            AssertAgree(message);
        });
    }

    internal static byte[] NextFields(Random random)
    {
        using var bytes = new MemoryStream();
        using (var output = new CodedOutputStream(bytes, leaveOpen: true))
        {
            for (var fields = random.Next(0, 8); fields > 0; fields--) WriteField(random, output, depth: 0);
        }

        return bytes.ToArray();
    }

    private static void WriteField(Random random, CodedOutputStream output, int depth)
    {
        var field = random.Pick(1, 1, 2, 3, 4, 100, 5, 15, 16, 99, 101, 102, 536_870_911);
        var type = random.Pick(WireFormat.WireType.Varint, WireFormat.WireType.Fixed64, WireFormat.WireType.LengthDelimited,
            WireFormat.WireType.LengthDelimited, WireFormat.WireType.StartGroup, WireFormat.WireType.Fixed32);
        if (type == WireFormat.WireType.StartGroup && depth > 5) return;
        output.WriteTag(field, type);
        switch (type)
        {
            case WireFormat.WireType.Varint: output.WriteUInt64(random.Pick<ulong>(0, 1, 443, ulong.MaxValue, (ulong)random.NextInt64(), 1UL << 32)); break;
            case WireFormat.WireType.Fixed64: output.WriteFixed64((ulong)random.NextInt64()); break;
            case WireFormat.WireType.Fixed32: output.WriteFixed32((uint)random.Next()); break;
            case WireFormat.WireType.LengthDelimited: output.WriteString(NextText(random)); break;
            case WireFormat.WireType.StartGroup:
                for (var inner = random.Next(0, 4); inner > 0; inner--) WriteField(random, output, depth + 1);
                output.WriteTag(field, WireFormat.WireType.EndGroup);
                break;
            default: break;
        }
    }

    private static UpstreamProxyChunk NextMessage(Random random) => new()
    {
        Data = ByteString.CopyFrom(random.NextBytes(random.Pick(0, 1, 3, 127, 128, random.Next(300)))),
        IsConnect = random.Next(2) == 0,
        Host = random.Next(2) == 0 ? "" : NextText(random),
        Port = random.Pick(0, 443, -1, int.MinValue, int.MaxValue, random.Next(65536)),
        EndOfData = random.Next(4) == 0,
        Next = random.Next(4) == 0,
        Notice = ByteString.CopyFrom(random.NextBytes(random.Pick(0, 0, 1, 100, Protocol.MaxNoticeBytes, Protocol.MaxNoticeBytes + 1))),
    };

    private static string NextText(Random random) =>
        string.Concat(Enumerable.Range(0, random.Next(0, 12)).Select(_ => random.Pick("a", "b", ".", "\0", "\u00fc", "\u3002", "\ud83d\ude00", "\n")));

    private static void AssertAgree(byte[] message)
    {
        UpstreamProxyChunk? expected = null;
        try
        {
            expected = UpstreamProxyChunk.Parser.ParseFrom(message);
        }
        catch (InvalidProtocolBufferException)
        {
            // Then ours must refuse it too.
        }

        try
        {
            var chunk = Chunk.Parse(message);
            Assert.True(expected is not null, $"only ours reads {Convert.ToHexStringLower(message)}");
            AssertSame(expected, chunk);
        }
        catch (ProtocolException e)
        {
            Assert.True(expected is null || IsAllowedDifference(e), $"only the reference reads {Convert.ToHexStringLower(message)}: {e.Message}");
        }
    }

    private static bool IsAllowedDifference(ProtocolException e) =>
        e.Message.Contains("UTF-8", StringComparison.Ordinal)
        || (Number(e.Message, "got tag ") is { } tag && tag > uint.MaxValue)
        || (Number(e.Message, "expected a field of ") is { } length && length > uint.MaxValue);

    private static ulong? Number(string message, string before)
    {
        var start = message.IndexOf(before, StringComparison.Ordinal);
        if (start < 0) return null;
        return ulong.Parse(string.Concat(message[(start + before.Length)..].TakeWhile(char.IsAsciiDigit)), System.Globalization.CultureInfo.InvariantCulture);
    }

    private static void AssertSame(UpstreamProxyChunk expected, Chunk chunk)
    {
        Assert.True(expected.Data.Span.SequenceEqual(chunk.Data.Span));
        Assert.Equal((expected.IsConnect, expected.Host, expected.Port, expected.EndOfData, expected.Next), (chunk.IsConnect, chunk.Host, chunk.Port, chunk.EndOfData, chunk.Next));
        Assert.True(expected.Notice.Length > Protocol.MaxNoticeBytes ? chunk.Notice.IsEmpty : expected.Notice.Span.SequenceEqual(chunk.Notice.Span));
    }

    private static byte[] Hex(string hex) => Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal));
}
