using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Fairlead.EndToEnd.Origins;

/// <summary>As many bytes of the pattern as asked for: with a length, or in chunks when the query says so.</summary>
internal static class ByteEndpoints
{
    public static void Map(WebApplication app, Origin origin) => app.MapGet("/bytes/{count:long}", context => SendAsync(context, origin));

    private static async Task SendAsync(HttpContext context, Origin origin)
    {
        var count = long.Parse((string)context.Request.RouteValues["count"]!, CultureInfo.InvariantCulture);
        var key = context.Request.Query["key"].ToString();
        if (!context.Request.Query.ContainsKey("chunked")) context.Response.ContentLength = count;
        await using var registration = context.RequestAborted.Register(() => origin.Signals.Raise($"aborted {key}"));
        var block = new byte[TestPattern.BlockBytes];
        for (long offset = 0; offset < count; offset += block.Length)
        {
            TestPattern.Fill(block, offset);
            var size = (int)Math.Min(block.Length, count - offset);
            await context.Response.Body.WriteAsync(block.AsMemory(0, size), context.RequestAborted);
            if (key.Length > 0) origin.Sent.AddOrUpdate(key, size, (_, sent) => sent + size);
        }
    }
}
