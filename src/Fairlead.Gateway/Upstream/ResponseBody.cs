using System.Buffers;
using Fairlead.Gateway.Credentials;

namespace Fairlead.Gateway.Upstream;

/// <summary>The body of the upstream's answer on its way to the workload, without the secrets in it.</summary>
internal static class ResponseBody
{
    private const int CopyBytes = 64 * 1024;

    // One read, and nearly every answer of an API.
    private const int MostAtOnce = 64 * 1024;

    /// <param name="response">The upstream's answer.</param>
    /// <param name="context">Where it goes; its head is not sent yet.</param>
    /// <param name="exchange">What is measured.</param>
    /// <param name="scrubber">Finds secrets; null when there are none to find.</param>
    public static async Task CopyAsync(HttpResponseMessage response, HttpContext context, Exchange exchange, Scrubber? scrubber)
    {
        if (context.Response.StatusCode == StatusCodes.Status205ResetContent) return; // has no content; what an upstream sends all the same ends here
        var mustBeWhole = !HttpMethods.IsHead(context.Request.Method) && response.StatusCode != System.Net.HttpStatusCode.NotModified;
        await using var raw = await response.Content.ReadAsStreamAsync(context.RequestAborted);
        await using var upstream = scrubber is null || !mustBeWhole ? raw : await ScrubAsync(raw, scrubber, context);
        var writer = context.Response.BodyWriter;
        // Over HTTP/2 the length is only announced; nobody has held the upstream to it yet.
        var declared = context.Response.ContentLength;
        while (true)
        {
            // A stream that is silent for hours (server-sent events) holds no buffer: one is rented when bytes are there.
            var ready = upstream.ReadAsync(Memory<byte>.Empty, context.RequestAborted);
            // The head does not wait for the first byte: a bidirectional call says nothing before it has seen the head (StartAsync would not send it).
            // An answer that is over already keeps head and end in one frame: gRPC takes the status from such a head only.
            if (!context.Response.HasStarted && !ready.IsCompleted) await writer.FlushAsync(context.RequestAborted);
            _ = await ready;
            var buffer = ArrayPool<byte>.Shared.Rent(CopyBytes);
            try
            {
                var bytes = await upstream.ReadAsync(buffer, context.RequestAborted);
                if (bytes == 0)
                {
                    if (mustBeWhole && exchange.BytesOut < declared) throw new UpstreamException(UpstreamFailure.Aborted, "the upstream's answer is shorter than it said");
                    return;
                }

                exchange.BytesOut += bytes;
                if (exchange.BytesOut > declared) throw new UpstreamException(UpstreamFailure.Aborted, "the upstream's answer is longer than it said");
                var flushed = await writer.WriteAsync(buffer.AsMemory(0, bytes), context.RequestAborted);
                if (flushed.IsCompleted || flushed.IsCanceled) throw new OperationCanceledException("the workload left");
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(buffer);
            }
        }
    }

    // A label has a length of its own. That of text may change where nobody was told of one, or where all of it is there before anybody is; everywhere else (ranges, frames
    // of gRPC, archives, long downloads) it stays.
    private static async Task<Stream> ScrubAsync(Stream raw, Scrubber scrubber, HttpContext context)
    {
        var response = context.Response;
        var opened = ContentCoding.Open(raw, response);
        var isText = ContentCoding.IsText(response);
        var isWholeText = isText && response.StatusCode != StatusCodes.Status206PartialContent;
        var scrubbed = new ScrubbedStream(opened, scrubber, keepsLength: !isWholeText || response.ContentLength is not null)
        {
            // The messages of gRPC hold texts.
            ReadsEscapes = isText || response.ContentType?.StartsWith("application/grpc", StringComparison.OrdinalIgnoreCase) == true,
        };
        if (isWholeText && response.ContentLength is > 0 and <= MostAtOnce and var announced && await scrubbed.TryReadWholeAsync((int)announced, context.RequestAborted) is { } length)
            response.ContentLength = length;
        return scrubbed;
    }
}
