using System.Buffers;
using Fairlead.Gateway.Policy;
using Microsoft.Net.Http.Headers;

namespace Fairlead.Gateway;

/// <summary>A request that Kestrel has parsed, as conditions of a policy see it.</summary>
internal sealed class HttpRequestDetails(HttpRequest request, IReadOnlyList<string> queryNames) : RequestDetails
{
    private readonly MediaTypeHeaderValue? _contentType = MediaTypeHeaderValue.TryParse(request.ContentType, out var type) ? type : null;

    public override string? MediaType => _contentType?.MediaType.Value?.ToLowerInvariant();

    public override long? ContentLength => request.ContentLength ?? (HasBody ? null : 0);

    private bool HasBody => request.HttpContext.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpRequestBodyDetectionFeature>()?.CanHaveBody ?? true;

    public override bool HasHeader(string name) => request.Headers.ContainsKey(name);

    public override bool HasQueryName(string name) => queryNames.Contains(name, StringComparer.OrdinalIgnoreCase);

    /// <summary>Looks at the body without taking it: the upstream gets every byte of it. One that is too long, compressed, or in another character set stays unread.</summary>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="BadHttpRequestException">It is malformed.</exception>
    public async Task ReadBodyAsync(CancellationToken cancellationToken)
    {
        if (!HasBody) Body = [];
        if (!HasBody || request.ContentLength > MaxBodyBytes || request.Headers.ContentEncoding.Count > 0) return;
        if (_contentType?.Charset.Value is { } charset && !charset.Trim('"').Equals("utf-8", StringComparison.OrdinalIgnoreCase)) return;
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
