using System.Collections.Concurrent;
using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Fairlead.EndToEnd.Origins;

/// <summary>Endpoints whose progress a test steers or watches through <see cref="Origin.Signals"/>.</summary>
internal static class SignalEndpoints
{
    public static void Map(WebApplication app, Origin origin)
    {
        app.MapGet("/sse/{key}", context => EventsAsync(context, origin.Signals, Key(context)));
        app.Map("/never/{key}", context => NeverAsync(context, origin.Signals, Key(context)));
        app.Map("/early/{key}", context => RefuseEarlyAsync(context, origin.Signals, Key(context)));
        app.Map("/expect/refuse", context =>
        {
            context.Response.StatusCode = StatusCodes.Status417ExpectationFailed;
            return Task.CompletedTask;
        });
        var barriers = new ConcurrentDictionary<string, int>();
        app.MapGet("/barrier/{count:int}/{key}", async context =>
        {
            var key = Key(context);
            var count = int.Parse((string)context.Request.RouteValues["count"]!, CultureInfo.InvariantCulture);
            if (barriers.AddOrUpdate(key, 1, (_, before) => before + 1) == count) origin.Signals.Raise($"barrier {key}");
            await origin.Signals.WaitAsync($"barrier {key}", context.RequestAborted);
            await context.Response.WriteAsync(key, context.RequestAborted);
        });
    }

    private static string Key(HttpContext context) => (string)context.Request.RouteValues["key"]!;

    /// <summary>Three events; each of the later two waits until the test has seen the one before.</summary>
    private static async Task EventsAsync(HttpContext context, Signals signals, string key)
    {
        context.Response.ContentType = "text/event-stream";
        for (var number = 1; number <= 3; number++)
        {
            if (number > 1) await signals.WaitAsync($"event {key} {number}", context.RequestAborted);
            await context.Response.WriteAsync($"data: event {number}\n\n", context.RequestAborted);
            await context.Response.Body.FlushAsync(context.RequestAborted);
        }
    }

    private static async Task NeverAsync(HttpContext context, Signals signals, string key)
    {
        signals.Raise($"arrived {key}");
        var aborted = new TaskCompletionSource();
        await using var registration = context.RequestAborted.Register(aborted.SetResult);
        await aborted.Task;
        signals.Raise($"aborted {key}");
    }

    /// <summary>Answers after the first bytes of the body and reads no more.</summary>
    private static async Task RefuseEarlyAsync(HttpContext context, Signals signals, string key)
    {
        await context.Request.Body.ReadExactlyAsync(new byte[1], context.RequestAborted);
        signals.Raise($"early {key}");
        context.Response.StatusCode = StatusCodes.Status413PayloadTooLarge;
        if (HttpProtocol.IsHttp11(context.Request.Protocol)) context.Response.Headers.Connection = "close";
        await context.Response.WriteAsync("too large", context.RequestAborted);
        await context.Response.CompleteAsync();
        // RFC 9113 §8.1: a server that needs no more of the body says so with NO_ERROR.
        if (HttpProtocol.IsHttp2(context.Request.Protocol)) context.Features.Get<IHttpResetFeature>()?.Reset(0);
    }
}
