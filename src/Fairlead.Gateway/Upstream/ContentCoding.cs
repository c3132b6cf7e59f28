using System.IO.Compression;
using Fairlead.Gateway.Credentials;
using Fairlead.Wire;

namespace Fairlead.Gateway.Upstream;

/// <summary>
/// Compression, where an answer is searched. The upstream is asked for none, so that what it sends is passed on as it is. What it compresses all the same is opened, if it is text,
/// and goes on without compression.
/// </summary>
internal static class ContentCoding
{
    // RFC 9530, and the two before it: of the bytes as they were sent.
    private static readonly string[] Digests = ["Content-MD5", "Digest", "Content-Digest", "Repr-Digest"];

    // Where a stream of gzip ends in the middle, .NET would take it for whole.
    static ContentCoding() => AppContext.SetSwitch("System.IO.Compression.UseStrictValidation", true);

    /// <summary>True for a header in which a workload offers to take something compressed: HTTP, gRPC, Connect, and WebSocket's permessage-deflate (RFC 7692).</summary>
    public static bool IsOffer(string header) =>
        header.Equals("Accept-Encoding", StringComparison.OrdinalIgnoreCase) || header.Equals("grpc-accept-encoding", StringComparison.OrdinalIgnoreCase)
        || header.Equals("Connect-Accept-Encoding", StringComparison.OrdinalIgnoreCase) || header.Equals("Sec-WebSocket-Extensions", StringComparison.OrdinalIgnoreCase);

    /// <summary>What is offered in its place; null when nothing is.</summary>
    public static string? InPlaceOf(string header) => header.StartsWith("Sec-", StringComparison.OrdinalIgnoreCase) ? null : "identity";

    /// <summary>Opens an answer that is compressed text. Its length, its digests and its ranges are of other bytes, and its tag is a weak one from then on.</summary>
    /// <param name="upstream">The body as it comes.</param>
    /// <param name="response">The head, not yet sent.</param>
    /// <returns>The body to search.</returns>
    /// <exception cref="UpstreamException">It is text that cannot be opened.</exception>
    public static Stream Open(Stream upstream, HttpResponse response)
    {
        if (response.Headers.ContentEncoding.Count == 0) return upstream;
        var codings = response.Headers.ContentEncoding.SelectMany(v => (v ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
            // Amazon S3 keeps this one of an upload, which says nothing about what it sends.
            .Where(c => !c.Equals("identity", StringComparison.OrdinalIgnoreCase) && !c.Equals("aws-chunked", StringComparison.OrdinalIgnoreCase)).ToList();
        if (codings.Count == 0 || !IsText(response)) return upstream;
        // The middle of something compressed cannot be opened.
        if (codings.Count > 1 || response.StatusCode == StatusCodes.Status206PartialContent) throw Unreadable(codings);
        Stream opened = codings[0].ToUpperInvariant() switch
        {
            "GZIP" or "X-GZIP" => new GZipStream(upstream, CompressionMode.Decompress),
            "DEFLATE" => new ZLibStream(upstream, CompressionMode.Decompress), // RFC 9110 §8.4.1.2
            "BR" => new BrotliStream(upstream, CompressionMode.Decompress),
            _ => throw Unreadable(codings),
        };
        response.Headers.ContentEncoding = default;
        response.Headers.ContentLength = null;
        response.Headers.AcceptRanges = default;
        foreach (var digest in Digests) response.Headers.Remove(digest);
        if (response.Headers.ETag.ToString() is ['"', ..] tag) response.Headers.ETag = "W/" + tag; // RFC 9110 §8.8.1
        return opened;
    }

    /// <summary>True for an answer of text, and for one of which nobody says that it is anything else.</summary>
    public static bool IsText(HttpResponse response) => string.IsNullOrEmpty(response.ContentType) || TextBody.IsText(response.ContentType);

    private static UpstreamException Unreadable(List<string> codings) => new(
        UpstreamFailure.Protocol,
        $"the upstream's answer is compressed ({HostPort.Printable(string.Join(", ", codings))}) though it was asked for none, and cannot be searched for the credential's secret; 'scrub: false' of the credential lets it pass");
}
