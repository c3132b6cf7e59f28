using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Fairlead.EndToEnd.Origins;

/// <summary>Answers that break off. A client must never take one for whole.</summary>
internal static class BrokenEndpoints
{
    public const int BytesBeforeBreak = 100_000;

    public static void Map(WebApplication app, Origin origin)
    {
        app.MapGet("/abort/length/{key}", context =>
        {
            context.Response.ContentLength = 10 * BytesBeforeBreak;
            return BreakAsync(context, origin.Signals);
        });
        app.MapGet("/abort/chunked/{key}", context => BreakAsync(context, origin.Signals));
        app.MapGet("/abort/at-once", context =>
        {
            context.Abort();
            return Task.CompletedTask;
        });
    }

    /// <summary>Breaks when the test says that the client has what was sent.</summary>
    private static async Task BreakAsync(HttpContext context, Signals signals)
    {
        await context.Response.Body.WriteAsync(TestPattern.Bytes(BytesBeforeBreak), context.RequestAborted);
        await context.Response.Body.FlushAsync(context.RequestAborted);
        await signals.WaitAsync($"break {context.Request.RouteValues["key"]}", context.RequestAborted);
        context.Abort();
    }
}
