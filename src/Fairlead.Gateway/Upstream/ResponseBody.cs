using System.Buffers;
using Fairlead.Gateway.Credentials;

namespace Fairlead.Gateway.Upstream;

/// <summary>The body of the upstream's answer on its way to the workload, without the secrets in it.</summary>
internal static class ResponseBody
{
    // Less than 64 KiB by what TLS adds (22 bytes a record, RFC 8446 §5.2), so that what it makes of it is one chunk of the tunnel.
    private const int CopyBytes = (64 * 1024) - 256;

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
        var arrival = Unfinished(upstream.ReadAsync(Memory<byte>.Empty, context.RequestAborted));
        for (var isOver = false; !isOver;)
        {
            // A stream that is silent for hours (server-sent events) holds no buffer: one is rented when bytes are there.
            // The head does not wait for the first byte: a bidirectional call says nothing before it has seen the head (StartAsync would not send it).
            // An answer that is over already keeps head and end in one frame: gRPC takes the status from such a head only.
            if (!context.Response.HasStarted && arrival is { IsCompleted: false }) await writer.FlushAsync(context.RequestAborted);
            if (arrival is not null) _ = await arrival;
            var buffer = ArrayPool<byte>.Shared.Rent(CopyBytes);
            try
            {
                // All that is there goes at once, up to the size of the buffer: TLS gives 16 KiB at a time, and each write has a way to go.
                var filled = 0;
                do
                {
                    try
                    {
                        var bytes = await upstream.ReadAsync(buffer.AsMemory(filled, CopyBytes - filled), context.RequestAborted);
                        filled += bytes;
                        isOver = bytes == 0;
                        arrival = isOver ? null : Unfinished(upstream.ReadAsync(Memory<byte>.Empty, context.RequestAborted));
                    }
                    catch (Exception e) when (filled > 0)
                    {
                        // What came before the break is the workload's.
                        arrival = Task.FromException<int>(e);
                    }
                }
                while (!isOver && filled < CopyBytes && arrival is null);

                exchange.BytesOut += filled;
                if (exchange.BytesOut > declared) throw new UpstreamException(UpstreamFailure.Aborted, "the upstream's answer is longer than it said");
                if (filled == 0) break;
                var flushed = await writer.WriteAsync(buffer.AsMemory(0, filled), context.RequestAborted);
                if (flushed.IsCompleted || flushed.IsCanceled) throw new OperationCanceledException("the workload left");
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(buffer);
            }
        }

        if (mustBeWhole && exchange.BytesOut < declared) throw new UpstreamException(UpstreamFailure.Aborted, "the upstream's answer is shorter than it said");
    }

    private static Task<int>? Unfinished(ValueTask<int> reading) => reading.IsCompletedSuccessfully ? null : reading.AsTask();

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
