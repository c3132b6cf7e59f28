using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Fairlead.EndToEnd.Origins;

/// <summary>Endpoints that tell what arrived.</summary>
internal static class EchoEndpoints
{
    public static void Map(WebApplication app)
    {
        app.Map("/echo/{**rest}", EchoAsync);
        app.Map("/upload/{**rest}", EchoAsync);
        app.Map("/graphql", EchoAsync);
        // What the gateway serves on its own address is an ordinary path inside a tunnel.
        app.MapGet("/v1/code/upstreamproxy/{**rest}", context => context.Response.WriteAsync("origin", context.RequestAborted));
    }

    private static async Task EchoAsync(HttpContext context)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[TestPattern.BlockBytes];
        long bytes = 0;
        while (await context.Request.Body.ReadAsync(buffer, context.RequestAborted) is > 0 and var count)
        {
            hash.AppendData(buffer, 0, count);
            bytes += count;
        }

        var received = (ReceivedRequest)context.Items[typeof(ReceivedRequest)]!;
        await context.Response.WriteAsJsonAsync(
            new
            {
                received.Protocol,
                received.Method,
                received.Host,
                received.Target,
                Headers = received.Headers.ToLookup(h => h.Key.ToLowerInvariant(), h => h.Value).ToDictionary(h => h.Key, h => h.ToArray()),
                BodyBytes = bytes,
                BodySha256 = Convert.ToHexStringLower(hash.GetHashAndReset()),
            },
            context.RequestAborted);
    }
}
