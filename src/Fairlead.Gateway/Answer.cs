using System.Text;
using System.Text.Json;
using Fairlead.Wire;

namespace Fairlead.Gateway;

/// <summary>
/// An answer that the gateway gives in place of the upstream, for the person at the tool: what happened, at which hop, and what to do. Text, or
/// JSON for those who ask for it. It holds the request id for the audit, and nothing of the request but its method, host and path.
/// </summary>
internal sealed record Answer(int Status, string Error, string Message)
{
    /// <summary>The rule that refused, or null.</summary>
    public string? Rule { get; init; }

    /// <summary>When to try again, where time helps.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>What to do about it.</summary>
    public required string Remedy { get; init; }

    /// <param name="context">A request whose answer has not begun.</param>
    /// <param name="requestId">Its id in the audit.</param>
    /// <param name="subject"><c>METHOD https://host/path</c>.</param>
    public async Task WriteAsync(HttpContext context, string requestId, string subject)
    {
        var response = context.Response;
        response.StatusCode = Status;
        response.Headers[Protocol.RequestHeader] = requestId;
        response.Headers.CacheControl = "no-store";
        response.Headers.XContentTypeOptions = "nosniff";
        if (RetryAfter is { } wait) response.Headers.RetryAfter = Math.Max(1, (int)Math.Ceiling(wait.TotalSeconds)).ToString(System.Globalization.CultureInfo.InvariantCulture);
        if (Rule is not null) response.Headers[Protocol.DenyHeader] = Rule;
        // With Expect: 100-continue the body was never asked for; what comes next on this connection could be the body or a request.
        if (HttpProtocol.IsHttp11(context.Request.Protocol) && context.Request.Headers.Expect.Count > 0) response.Headers.Connection = "close";

        var wantsJson = context.Request.Headers.Accept.Any(a => a?.Contains("json", StringComparison.OrdinalIgnoreCase) == true);
        response.ContentType = wantsJson ? "application/json" : "text/plain; charset=utf-8";
        var body = wantsJson ? Json(requestId, subject) : Encoding.UTF8.GetBytes(Text(requestId, subject));
        response.ContentLength = body.Length;
        if (!HttpMethods.IsHead(context.Request.Method)) await response.Body.WriteAsync(body, context.RequestAborted);
    }

    private string Text(string requestId, string subject) =>
        $"fairlead: {Message}\n\n  request     {subject}\n{(Rule is null ? "" : $"  rule        {Rule}\n")}  request id  {requestId}\n  what to do  {Remedy}\n";

    private byte[] Json(string requestId, string subject)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            json.WriteString("error", Error);
            json.WriteString("message", Message);
            json.WriteString("request", subject);
            if (Rule is not null) json.WriteString("rule", Rule);
            json.WriteString("request_id", requestId);
            json.WriteString("what_to_do", Remedy);
            json.WriteEndObject();
        }

        stream.WriteByte((byte)'\n');
        return stream.ToArray();
    }
}
