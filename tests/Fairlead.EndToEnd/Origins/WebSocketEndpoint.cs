using System.Net.WebSockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Fairlead.EndToEnd.Origins;

/// <summary>Sends every WebSocket message back, as it came.</summary>
internal static class WebSocketEndpoint
{
    public static void Map(WebApplication app) => app.Map("/ws/{**rest}", EchoAsync);

    private static async Task EchoAsync(HttpContext context)
    {
        if (!context.WebSockets.IsWebSocketRequest)
        {
            context.Response.StatusCode = StatusCodes.Status426UpgradeRequired;
            return;
        }

        using var socket = await context.WebSockets.AcceptWebSocketAsync(context.WebSockets.WebSocketRequestedProtocols.FirstOrDefault());
        var buffer = new byte[TestPattern.BlockBytes];
        while (true)
        {
            var part = await socket.ReceiveAsync(buffer.AsMemory(), context.RequestAborted);
            if (part.MessageType == WebSocketMessageType.Close) break;
            await socket.SendAsync(buffer.AsMemory(0, part.Count), part.MessageType, part.EndOfMessage, context.RequestAborted);
        }

        await socket.CloseOutputAsync(socket.CloseStatus ?? WebSocketCloseStatus.NormalClosure, socket.CloseStatusDescription, context.RequestAborted);
    }
}
