using System.Globalization;
using System.IO.Compression;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Fairlead.EndToEnd.Origins;

/// <summary>Answers with something that a proxy could spoil.</summary>
internal static class ResponseEndpoints
{
    public const string GzippedText = "text that was compressed by the origin";

    public static void Map(WebApplication app)
    {
        app.Map("/status/{code:int}/{**rest}", Status);
        app.MapGet("/redirect", context =>
        {
            context.Response.Redirect("https://origin.test/echo/redirected");
            return Task.CompletedTask;
        });
        app.MapGet("/cookies", context =>
        {
            context.Response.Headers.SetCookie = new(["a=1; Path=/", "b=2; Expires=Wed, 01 Jan 2031 00:00:00 GMT"]);
            return Task.CompletedTask;
        });
        app.MapGet("/latin1", context =>
        {
            context.Response.Headers["X-Name"] = "caf\u00e9";
            return Task.CompletedTask;
        });
        app.MapGet("/gzip", context =>
        {
            context.Response.Headers.ContentEncoding = "gzip";
            return context.Response.Body.WriteAsync(Gzip(), 0, Gzip().Length, context.RequestAborted);
        });
        app.MapMethods("/head", ["GET", "HEAD"], context =>
        {
            context.Response.ContentLength = 12345;
            return context.Request.Method == "HEAD" ? Task.CompletedTask : context.Response.WriteAsync(new string('x', 12345), context.RequestAborted);
        });
        app.MapGet("/trailers", async context =>
        {
            context.Response.DeclareTrailer("X-Sum");
            await context.Response.WriteAsync("body", context.RequestAborted);
            context.Response.AppendTrailer("X-Sum", "4");
        });
    }

    public static byte[] Gzip()
    {
        using var output = new MemoryStream();
        using (var gzip = new GZipStream(output, CompressionLevel.SmallestSize)) gzip.Write(Encoding.UTF8.GetBytes(GzippedText));
        return output.ToArray();
    }

    private static Task Status(HttpContext context)
    {
        context.Response.StatusCode = int.Parse((string)context.Request.RouteValues["code"]!, CultureInfo.InvariantCulture);
        if (context.Response.StatusCode == 304) context.Response.Headers.ETag = "\"v1\"";
        return Task.CompletedTask;
    }
}
