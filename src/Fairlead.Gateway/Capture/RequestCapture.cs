using System.Buffers;
using System.Text.Json;
using Fairlead.Gateway.Credentials;
using Microsoft.AspNetCore.Http.Features;

namespace Fairlead.Gateway.Capture;

/// <summary>
/// What passes by of one request, for a session that is captured: the workload's side of the gateway, so before anything is injected, and behind whatever is taken out
/// of the answer. What a credential sets is there by its names, with <c>***</c>.
/// </summary>
internal sealed class RequestCapture
{
    private readonly HttpContext _context;
    private readonly string _request;
    private readonly string _target;
    private readonly BoundedBody? _sent;
    private readonly BoundedBody? _received;
    private readonly IReadOnlyList<(string Name, string Value)> _headers;
    private IReadOnlyList<string> _injected = [];
    private IReadOnlyList<string> _secrets = [];

    private RequestCapture(HttpContext context, CaptureOptions options, string request, string target, bool hasBodies)
    {
        (_context, _request, _target) = (context, request, target);
        _headers = [.. HeadersOf(context.Request.Headers)];
        if (!options.Bodies || !hasBodies) return;
        (_sent, _received) = (new BoundedBody(options.MaxBody), new BoundedBody(options.MaxBody));
        context.Features.Set<IRequestBodyPipeFeature>(new CapturingReader(context.Request.BodyReader, _sent));
        context.Features.Set<IHttpResponseBodyFeature>(new CapturingWriter(context.Features.GetRequiredFeature<IHttpResponseBodyFeature>(), _received));
    }

    /// <summary>Begins, before anybody reads the request.</summary>
    /// <param name="options">What is kept; null for nothing.</param>
    /// <param name="context">The request.</param>
    /// <param name="request">Its id.</param>
    /// <param name="target">Path and query, as sent.</param>
    /// <param name="hasBodies">False for what becomes a WebSocket, whose frames are no body.</param>
    public static RequestCapture? Begin(CaptureOptions? options, HttpContext context, string request, string target, bool hasBodies) =>
        options is null ? null : new RequestCapture(context, options, request, target, hasBodies);

    /// <summary>Says what is added on the way to the upstream, so that none of it is kept.</summary>
    public void Injected(Injection injection)
    {
        _injected = [.. injection.Headers.Select(h => h.Name)];
        // Behind the scheme, what is secret.
        _secrets = [.. injection.Headers.Select(h => h.Reveal().Split(' ')[^1])];
    }

    /// <summary>The entry, one object of JSON; null when it cannot be made, which the record of the request does not wait for.</summary>
    public byte[]? End(ILogger logger)
    {
        try
        {
            return Compose();
        }
        catch (Exception e)
        {
            logger.CaptureFailed(_request, e);
            return null;
        }
    }

    private byte[] Compose()
    {
        // What the workload itself sent as a secret is none the less one in what comes back.
        _secrets = [.. _secrets, .. _headers.SelectMany(h => Redaction.SecretsIn(h.Name, h.Value)), .. Redaction.SecretsInQuery(_target)];
        var buffer = new ArrayBufferWriter<byte>(4096);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("request", _request);
            json.WriteStartObject("sent");
            json.WriteString("target", Redaction.Without(Redaction.Target(_target), _secrets));
            Write(json, _headers, _injected);
            Write(json, _sent, _context.Request.Headers.ContentEncoding);
            json.WriteEndObject();
            json.WriteStartObject("received");
            json.WriteNumber("status", _context.Response.StatusCode);
            Write(json, [.. HeadersOf(_context.Response.Headers)], []);
            Write(json, _received, _context.Response.Headers.ContentEncoding);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    private void Write(Utf8JsonWriter json, IReadOnlyList<(string Name, string Value)> headers, IReadOnlyList<string> injected)
    {
        json.WriteStartArray("headers");
        foreach (var (name, value) in headers.Where(h => !injected.Contains(h.Name, StringComparer.OrdinalIgnoreCase)).Concat(injected.Select(name => (name, Redaction.Redacted))))
        {
            json.WriteStartArray();
            json.WriteStringValue(name);
            json.WriteStringValue(Redaction.Without(Redaction.Value(name, value), _secrets));
            json.WriteEndArray();
        }

        json.WriteEndArray();
    }

    private void Write(Utf8JsonWriter json, BoundedBody? bounded, Microsoft.Extensions.Primitives.StringValues encodings)
    {
        if (bounded is null) return;
        var body = CapturedBody.Of(bounded, encodings, _secrets);
        json.WriteStartObject("body");
        if (body.Text is not null) json.WriteString("text", body.Text);
        if (body.Encoding is not null) json.WriteString("encoding", body.Encoding);
        json.WriteNumber("bytes", body.Length);
        json.WriteBoolean("truncated", body.IsTruncated);
        json.WriteEndObject();
    }

    private static IEnumerable<(string Name, string Value)> HeadersOf(IHeaderDictionary headers) => headers.SelectMany(h => h.Value.Select(value => (h.Key, value ?? "")));
}
