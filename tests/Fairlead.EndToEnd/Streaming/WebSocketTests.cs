using System.Net.WebSockets;
using System.Text;
using Fairlead.EndToEnd.Harness;
using Fairlead.EndToEnd.Origins;

namespace Fairlead.EndToEnd.Streaming;

public sealed class WebSocketTests(SharedSite shared)
{
    [Theory]
    [InlineData("1.1")]
    [InlineData("2.0")] // RFC 8441
    public async Task Messages_come_back_as_they_were_sent(string version)
    {
        using var socket = await OpenAsync(version);

        await socket.SendAsync(Encoding.UTF8.GetBytes("h\u00e9llo"), WebSocketMessageType.Text, endOfMessage: true, Limits.Token());
        var small = await ReceiveAsync(socket);
        var sending = socket.SendAsync(TestPattern.Bytes(5_000_000), WebSocketMessageType.Binary, endOfMessage: true, Limits.Token());
        var big = await ReceiveAsync(socket);
        await sending;
        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, "bye", Limits.Token());

        Assert.Equal("h\u00e9llo", Encoding.UTF8.GetString(small));
        Assert.Equal(TestPattern.Bytes(5_000_000), big);
        Assert.Equal(WebSocketCloseStatus.NormalClosure, socket.CloseStatus);
        Assert.Equal("bye", socket.CloseStatusDescription);
    }

    [Theory]
    [InlineData("1.1")]
    [InlineData("2.0")]
    public async Task The_subprotocol_is_the_origins_choice(string version)
    {
        using var socket = await OpenAsync(version, "talk");

        Assert.Equal("talk", socket.SubProtocol);
        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, Limits.Token());
    }

    private async Task<ClientWebSocket> OpenAsync(string version, string? subprotocol = null)
    {
        var socket = new ClientWebSocket();
        socket.Options.HttpVersion = Version.Parse(version);
        socket.Options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;
        if (subprotocol is not null) socket.Options.AddSubProtocol(subprotocol);
        using var invoker = new HttpMessageInvoker(ProxiedHttp.Handler(shared.Site.Relay), disposeHandler: false);
        await socket.ConnectAsync(new Uri("wss://origin.test/ws/echo"), invoker, Limits.Token());
        return socket;
    }

    private static async Task<byte[]> ReceiveAsync(ClientWebSocket socket)
    {
        using var message = new MemoryStream();
        var buffer = new byte[32 * 1024];
        while (true)
        {
            var part = await socket.ReceiveAsync(buffer.AsMemory(), Limits.Token());
            message.Write(buffer, 0, part.Count);
            if (part.EndOfMessage) return message.ToArray();
        }
    }
}
