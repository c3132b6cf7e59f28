using System.Buffers;
using System.Text;
using Fairlead.Wire;

namespace Fairlead.Tests.Wire;

public sealed class ConnectRequestTests
{
    /// <summary>The first chunk for session <c>test-session</c>, token <c>sk-ant-si-FAKE.TOKEN.value</c> and target <c>echo.test:443</c>.</summary>
    private static readonly byte[] Vector = Convert.FromHexString(
        "0a73434f4e4e454354206563686f2e746573743a34343320485454502f312e310d0a50726f78792d417574686f72697a6174696f6e3a204261736963206447567a6443317a5a584e7a615739754f6e4e724c5746756443317a61533147515574464c6c52505330564f4c6e5a686248566c0d0a0d0a");

    [Fact]
    public void The_first_chunk_is_written_byte_for_byte_as_observed()
    {
        var head = new ArrayBufferWriter<byte>();
        ConnectRequest.Write(head, "echo.test:443", "test-session:sk-ant-si-FAKE.TOKEN.value"u8);

        var header = new byte[Chunk.MaxHeaderBytes];
        var headerBytes = Chunk.WriteHeader(header, head.WrittenCount);

        byte[] chunk = [.. header.AsSpan(0, headerBytes), .. head.WrittenSpan];
        Assert.Equal(117, chunk.Length);
        Assert.Equal(Vector, chunk);
    }

    [Fact]
    public void The_observed_first_chunk_is_understood()
    {
        var chunk = Chunk.Parse(Vector);

        var result = ConnectRequest.Parse(chunk.Data.Span, out var request, out var headBytes, out var problem);

        Assert.Equal(ConnectHead.Connect, result);
        Assert.Equal("echo.test:443", request!.Target);
        Assert.Equal("Basic dGVzdC1zZXNzaW9uOnNrLWFudC1zaS1GQUtFLlRPS0VOLnZhbHVl", request.ProxyAuthorization);
        Assert.Equal(115, headBytes);
        Assert.Null(problem);
    }

    [Theory]
    [InlineData("CONNECT a.test:443 HTTP/1.1\r\n\r\n", "a.test:443", null)]
    [InlineData("CONNECT a.test:443 HTTP/1.0\r\n\r\n", "a.test:443", null)]
    [InlineData("connect a.test:443 HTTP/1.1\r\n\r\n", "a.test:443", null)]
    [InlineData("CoNnEcT a.test:443 HTTP/1.1\r\n\r\n", "a.test:443", null)]
    [InlineData("CONNECT A.TEST.:00443 HTTP/1.1\r\nHost: a.test\r\n\r\n", "A.TEST.:00443", null)]
    [InlineData("CONNECT [::1]:443 HTTP/1.1\r\nUser-Agent: x: y\r\n\r\n", "[::1]:443", null)]
    [InlineData("CONNECT a.test:443 HTTP/1.1\r\nproxy-authorization:Basic eDp5\r\n\r\n", "a.test:443", "Basic eDp5")]
    [InlineData("CONNECT a.test:443 HTTP/1.1\r\nPROXY-AUTHORIZATION: \t Basic eDp5 \t\r\nX:\r\n\r\n", "a.test:443", "Basic eDp5")]
    [InlineData("CONNECT a.test:443 HTTP/1.1\r\nProxy-Authorization:\r\n\r\n", "a.test:443", "")]
    [InlineData("CONNECT a.test:443 HTTP/1.1\r\nX-Proxy-Authorization: a\r\nProxy-Authorization-X: b\r\n\r\n", "a.test:443", null)]
    public void A_connect_head_is_understood(string head, string target, string? authorization)
    {
        var bytes = Encoding.Latin1.GetBytes(head);

        var result = ConnectRequest.Parse(bytes, out var request, out var headBytes, out var problem);

        Assert.True(result == ConnectHead.Connect, problem);
        Assert.Equal(new ConnectRequest(target, authorization), request);
        Assert.Equal(bytes.Length, headBytes);
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\n\r\n")]
    [InlineData("GET http://a.test/ HTTP/1.1\r\n\r\n")]
    [InlineData("CONNECTX a.test:443 HTTP/1.1\r\n\r\n")]
    [InlineData("\u017fCONNECT a.test:443 HTTP/1.1\r\n\r\n")]
    [InlineData("CONNECT a.test:443 HTTP/2.0\r\n\r\n")]
    [InlineData("CONNECT a.test:443 HTTP/1.2\r\n\r\n")]
    [InlineData("CONNECT a.test:443 http/1.1\r\n\r\n")]
    [InlineData("CONNECT a.test:443 HTTP/1.1 \r\n\r\n")]
    [InlineData("CONNECT a.test:443\r\n\r\n")]
    [InlineData("CONNECT  a.test:443 HTTP/1.1\r\n\r\n")]
    [InlineData("CONNECT a.test:443  HTTP/1.1\r\n\r\n")]
    [InlineData(" CONNECT a.test:443 HTTP/1.1\r\n\r\n")]
    [InlineData("CONNECT\ta.test:443\tHTTP/1.1\r\n\r\n")]
    [InlineData("CONNECT  HTTP/1.1\r\n\r\n")]
    [InlineData("CONNECT a.test:443 b.test:443 HTTP/1.1\r\n\r\n")]
    [InlineData("\r\n\r\n")]
    [InlineData("\r\nCONNECT a.test:443 HTTP/1.1\r\n\r\n")]
    // a bare LF, CR or NUL is a line end or a string end to a lenient reader
    [InlineData("CONNECT a.test:443\nX HTTP/1.1\r\n\r\n")]
    [InlineData("CONNECT a.test:443\nX: HTTP/1.1\r\n\r\n")]
    [InlineData("CONNECT a.test:443\rX HTTP/1.1\r\n\r\n")]
    [InlineData("CONNECT a.test\0.b.test:443 HTTP/1.1\r\n\r\n")]
    [InlineData("CONNECT a.test:443\u007f HTTP/1.1\r\n\r\n")]
    [InlineData("CONNECT b\u00fccher:1 HTTP/1.1\r\n\r\n")] // in which encoding?
    [InlineData("CONNECT a.test:443\t HTTP/1.1\r\n\r\n")]
    [InlineData("CONNECT a.test:443 HTTP/1.1\nProxy-Authorization: Basic eDp5\r\n\r\n")]
    [InlineData("CONNECT a.test:443 HTTP/1.1\r\nX: a\nProxy-Authorization: Basic eDp5\r\n\r\n")]
    [InlineData("CONNECT a.test:443 HTTP/1.1\r\nX: a\rY: b\r\n\r\n")]
    [InlineData("CONNECT a.test:443 HTTP/1.1\r\nX: a\0b\r\n\r\n")]
    [InlineData("CONNECT a.test:443 HTTP/1.1\r\nX\n: a\r\n\r\n")]
    [InlineData("CONNECT a.test:443 HTTP/1.1\n\r\n\r\n")]
    [InlineData("CONNECT a.test:443 HTTP/1.1\r\r\n\r\n")]
    // folded lines and names with space
    [InlineData("CONNECT a.test:443 HTTP/1.1\r\nX: a\r\n folded\r\n\r\n")]
    [InlineData("CONNECT a.test:443 HTTP/1.1\r\nX: a\r\n\tfolded: b\r\n\r\n")]
    [InlineData("CONNECT a.test:443 HTTP/1.1\r\n Proxy-Authorization: Basic eDp5\r\n\r\n")]
    [InlineData("CONNECT a.test:443 HTTP/1.1\r\nProxy-Authorization : Basic eDp5\r\n\r\n")]
    [InlineData("CONNECT a.test:443 HTTP/1.1\r\nProxy-Authorization\t: Basic eDp5\r\n\r\n")]
    [InlineData("CONNECT a.test:443 HTTP/1.1\r\n: x\r\n\r\n")]
    [InlineData("CONNECT a.test:443 HTTP/1.1\r\nno colon\r\n\r\n")]
    // two credentials: which one counts?
    [InlineData("CONNECT a.test:443 HTTP/1.1\r\nProxy-Authorization: Basic eDp5\r\nProxy-Authorization: Basic eDp6\r\n\r\n")]
    [InlineData("CONNECT a.test:443 HTTP/1.1\r\nProxy-Authorization: Basic eDp5\r\nproxy-authorization: Basic eDp5\r\n\r\n")]
    [InlineData("CONNECT a.test:443 HTTP/1.1\r\nProxy-Authorization:\r\nproxy-authorization: Basic eDp5\r\n\r\n")]
    public void Another_head_is_not_taken_for_a_connect(string head)
    {
        var result = ConnectRequest.Parse(Encoding.Latin1.GetBytes(head), out var request, out var headBytes, out var problem);

        Assert.Equal(ConnectHead.Other, result);
        Assert.Null(request);
        Assert.True(headBytes > 0);
        HostPortTests.AssertIsHarmless(problem);
    }

    [Theory]
    [InlineData("")]
    [InlineData("C")]
    [InlineData("CONNECT a.test:443 HTTP/1.1")]
    [InlineData("CONNECT a.test:443 HTTP/1.1\r\n")]
    [InlineData("CONNECT a.test:443 HTTP/1.1\r\n\r")]
    [InlineData("CONNECT a.test:443 HTTP/1.1\n\n")]
    [InlineData("CONNECT a.test:443 HTTP/1.1\r\n\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\n")]
    public void A_head_without_its_blank_line_is_incomplete(string head)
    {
        var result = ConnectRequest.Parse(Encoding.Latin1.GetBytes(head), out var request, out var headBytes, out var problem);

        Assert.Equal(ConnectHead.Incomplete, result);
        Assert.Null(request);
        Assert.Equal(0, headBytes);
        Assert.Null(problem);
    }

    [Fact]
    public void A_head_that_comes_byte_by_byte_is_complete_with_its_last_byte()
    {
        var head = Vector[2..];

        for (var length = 0; length < head.Length; length++)
            Assert.Equal(ConnectHead.Incomplete, ConnectRequest.Parse(head.AsSpan(0, length), out _, out _, out _));

        Assert.Equal(ConnectHead.Connect, ConnectRequest.Parse(head, out _, out var headBytes, out _));
        Assert.Equal(head.Length, headBytes);
    }

    [Fact]
    public void Bytes_behind_the_head_are_left_alone()
    {
        var behind = new byte[] { 0x16, 3, 1, 0, 5, (byte)'\r', (byte)'\n', (byte)'\r', (byte)'\n', 0 };

        var result = ConnectRequest.Parse([.. "CONNECT a.test:443 HTTP/1.1\r\n\r\n"u8, .. behind], out _, out var headBytes, out _);

        Assert.Equal(ConnectHead.Connect, result);
        Assert.Equal("CONNECT a.test:443 HTTP/1.1\r\n\r\n".Length, headBytes);
    }

    [Theory]
    [InlineData(8192)]
    [InlineData(8193)]
    public void A_head_up_to_the_limit_is_understood(int length)
    {
        var result = ConnectRequest.Parse([.. HeadOf(length), .. new byte[20_000]], out _, out var headBytes, out _);

        Assert.Equal(ConnectHead.Connect, result);
        Assert.Equal(length, headBytes);
    }

    [Fact]
    public void A_blank_line_that_comes_too_late_does_not_count()
    {
        var head = HeadOf(8194);

        Assert.Equal(ConnectHead.Incomplete, ConnectRequest.Parse(head.AsSpan(0, 8192), out _, out _, out _));
        Assert.Equal(ConnectHead.TooLong, ConnectRequest.Parse(head.AsSpan(0, 8193), out _, out _, out var problem));
        Assert.Equal(ConnectHead.TooLong, ConnectRequest.Parse(head, out var request, out var headBytes, out _));
        Assert.Null(request);
        Assert.Equal(0, headBytes);
        HostPortTests.AssertIsHarmless(problem);
    }

    [Fact]
    public void What_is_written_is_understood_again()
    {
        Seeded.Check(2_000, random =>
        {
            var target = new string([.. Enumerable.Range(0, random.Next(1, 60)).Select(_ => (char)random.Next('!', 0x7f))]);
            var credentials = random.NextBytes(random.Next(0, 300));
            var head = new ArrayBufferWriter<byte>();
            ConnectRequest.Write(head, target, credentials);

            Assert.Equal(ConnectHead.Connect, ConnectRequest.Parse(head.WrittenSpan, out var request, out var headBytes, out _));
            Assert.Equal(target, request!.Target);
            Assert.Equal($"Basic {Convert.ToBase64String(credentials)}".TrimEnd(), request.ProxyAuthorization);
            Assert.Equal(head.WrittenCount, headBytes);
        });
    }

    private static byte[] HeadOf(int length)
    {
        const string start = "CONNECT a.test:443 HTTP/1.1\r\nX: ";
        return Encoding.Latin1.GetBytes(start + new string('x', length - start.Length - 4) + "\r\n\r\n");
    }
}
