using System.Text;
using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Relay;

/// <summary>How the bytes of a CONNECT may arrive.</summary>
public sealed class ConnectHeadTests(SharedSite shared)
{
    private readonly RelayProcess _relay = shared.Site.Relay;

    [Fact]
    public async Task A_client_hello_in_the_segment_of_the_connect_is_kept()
    {
        await using var socket = await TunnelSocket.OpenAsync(_relay, Limits.Token());
        await using var eager = new EagerTunnelStream(socket, TunnelSocket.Connect("origin.test:443"));

        await using var tls = await TunnelSocket.StartTlsAsync(eager, _relay, "origin.test", Limits.Token());

        Assert.StartsWith("HTTP/1.1 200 ", eager.Answer, StringComparison.Ordinal);
        await AssertEchoAsync(tls);
    }

    [Fact]
    public async Task A_head_may_come_byte_by_byte()
    {
        await using var socket = await TunnelSocket.OpenAsync(_relay, Limits.Token());
        foreach (var one in TunnelSocket.Connect("origin.test:443")) await socket.WriteAsync(new[] { one }, Limits.Token());

        Assert.StartsWith("HTTP/1.1 200 ", await TunnelSocket.ReadHeadAsync(socket, Limits.Token()), StringComparison.Ordinal);
        await using var tls = await TunnelSocket.StartTlsAsync(socket, _relay, "origin.test", Limits.Token());

        await AssertEchoAsync(tls);
    }

    [Theory]
    [InlineData("GET http://origin.test/ HTTP/1.1\r\nHost: origin.test\r\n\r\n", "HTTP/1.1 405 Method Not Allowed\r\n")]
    [InlineData("CONNECT no-port HTTP/1.1\r\n\r\n", "HTTP/1.1 400 ")]
    public async Task Anything_but_a_connect_is_refused(string head, string answer)
    {
        await using var socket = await TunnelSocket.OpenAsync(_relay, Limits.Token());

        await socket.WriteAsync(Encoding.ASCII.GetBytes(head), Limits.Token());

        Assert.StartsWith(answer, await TunnelSocket.ReadToEndAsync(socket, Limits.Token()), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_head_without_end_is_refused()
    {
        await using var socket = await TunnelSocket.OpenAsync(_relay, Limits.Token());

        await socket.WriteAsync(Encoding.ASCII.GetBytes("CONNECT origin.test:443 HTTP/1.1\r\nX: ".PadRight(8193, 'x')), Limits.Token());

        Assert.StartsWith("HTTP/1.1 400 Bad Request\r\n", await TunnelSocket.ReadToEndAsync(socket, Limits.Token()), StringComparison.Ordinal);
    }

    private static async Task AssertEchoAsync(Stream tls)
    {
        await tls.WriteAsync("GET /echo/raw HTTP/1.1\r\nHost: origin.test\r\nConnection: close\r\n\r\n"u8.ToArray(), Limits.Token());
        var answer = await TunnelSocket.ReadToEndAsync(tls, Limits.Token());
        Assert.StartsWith("HTTP/1.1 200 OK\r\n", answer, StringComparison.Ordinal);
        Assert.Contains("\"/echo/raw\"", answer, StringComparison.Ordinal);
    }
}
