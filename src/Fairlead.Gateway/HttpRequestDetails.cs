using System.Buffers;
using Fairlead.Gateway.Policy;
using Fairlead.Gateway.Upstream;

namespace Fairlead.Gateway;

/// <summary>A request that Kestrel has parsed, as conditions of a policy see it.</summary>
internal sealed class HttpRequestDetails(HttpRequest request, bool hasQuery) : RequestDetails
{
    // What flows over a WebSocket comes after the decision: it may be anything, of any length.
    private readonly bool _isUpgrade = UpgradeRequest.Of(request.HttpContext) is not null;

    // What Connection nominates does not reach the upstream, so nothing is judged by it.
    private readonly HashSet<string>? _nominated = HopByHop.Nominated(request.Headers.Connection);

    public override IReadOnlyList<string?> ContentTypes => _nominated?.Contains("Content-Type") == true ? [] : request.Headers.ContentType;

    public override long? ContentLength => _isUpgrade ? null : request.ContentLength ?? (HasBody ? null : 0);

    public override bool HasQuery => hasQuery;

    private bool HasBody => request.HttpContext.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpRequestBodyDetectionFeature>()?.CanHaveBody ?? true;

    public override IEnumerable<string> HeaderNames => _nominated is null ? request.Headers.Keys : request.Headers.Keys.Where(n => !_nominated.Contains(n));

    /// <summary>Looks at the body without taking it: the upstream gets every byte of it. One that is too long or compressed stays unread.</summary>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="BadHttpRequestException">It is malformed.</exception>
    public async Task ReadBodyAsync(CancellationToken cancellationToken)
    {
        if (_isUpgrade) return;
        if (!HasBody) Body = [];
        if (!HasBody || request.ContentLength > MaxBodyBytes || request.Headers.ContentEncoding.Count > 0) return;
        while (true)
        {
            var read = await request.BodyReader.ReadAsync(cancellationToken);
            if (read.IsCompleted && read.Buffer.Length <= MaxBodyBytes) Body = read.Buffer.ToArray();
            var isDone = read.IsCompleted || read.Buffer.Length > MaxBodyBytes;
            // Nothing is consumed. What is not marked as seen is there at once for the next reader.
            request.BodyReader.AdvanceTo(read.Buffer.Start, isDone ? read.Buffer.Start : read.Buffer.End);
            if (isDone) return;
        }
    }
}
