using System.Text.Json;
using Fairlead.Wire;

namespace Fairlead.Gateway;

/// <summary>
/// The answer for <c>https://fairlead.test/</c>, a host that the gateway itself is: any tool that gets it, over any path, has come through the relay, trusts
/// the CA and speaks a protocol that the gateway understands. It says nothing that the session does not know, and nothing is dialled for it.
/// </summary>
internal static class SelfTestAnswer
{
    /// <summary>True for the host that is answered here, whatever the policy says.</summary>
    public static bool IsFor(HostPort destination) => destination.Host == Protocol.SelfTestHost;

    /// <param name="context">A GET or HEAD whose answer has not begun.</param>
    /// <param name="session">The session's id.</param>
    /// <param name="protocol">As the audit writes it: <c>http/1.1</c> or <c>h2</c>.</param>
    /// <param name="requestId">The request's id in the audit.</param>
    /// <param name="now">By which a tool's side can see whether its clock is right.</param>
    public static async Task WriteAsync(HttpContext context, string session, string protocol, string requestId, DateTimeOffset now)
    {
        using var body = new MemoryStream();
        using (var json = new Utf8JsonWriter(body))
        {
            json.WriteStartObject();
            json.WriteString("fairlead", "self-test");
            json.WriteString("gateway_version", GatewayApp.Version);
            json.WriteString("session", session);
            json.WriteString("protocol", protocol);
            json.WriteString("time", now);
            json.WriteString("request_id", requestId);
            json.WriteEndObject();
        }

        body.WriteByte((byte)'\n');
        var response = context.Response;
        response.StatusCode = StatusCodes.Status200OK;
        response.Headers[Protocol.RequestHeader] = requestId;
        response.Headers.CacheControl = "no-store";
        response.Headers.XContentTypeOptions = "nosniff";
        response.ContentType = "application/json";
        response.ContentLength = body.Length;
        if (!HttpMethods.IsHead(context.Request.Method)) await response.Body.WriteAsync(body.ToArray(), context.RequestAborted);
    }
}
