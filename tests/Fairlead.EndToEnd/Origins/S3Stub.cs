using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;

namespace Fairlead.EndToEnd.Origins;

/// <summary>
/// An object store with one bucket and one object, that answers only what is signed with AWS Signature Version 4: one byte of path, query or signed
/// headers that a proxy changed is a 403.
/// </summary>
internal static class S3Stub
{
    public const string AccessKey = "FAKEACCESSKEYFORTEST";
    public const string SecretKey = "FAKE-secret-key-for-tests";
    public const string Object = "what the bucket holds\n";

    public static void Map(WebApplication app, params string[] hosts) => app.Map("/{**path}", ServeAsync).RequireHost(hosts).WithOrder(0);

    private static async Task ServeAsync(HttpContext context)
    {
        var (status, type, body) = !IsSigned(context) ? (403, "application/xml", "<Error><Code>SignatureDoesNotMatch</Code></Error>")
            : context.Request.Path.Value switch
            {
                "/" => (200, "application/xml", """
                    <?xml version="1.0" encoding="UTF-8"?>
                    <ListAllMyBucketsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Owner><ID>tests</ID></Owner>
                    <Buckets><Bucket><Name>sample-bucket</Name><CreationDate>2024-01-01T00:00:00.000Z</CreationDate></Bucket></Buckets></ListAllMyBucketsResult>
                    """),
                "/sample-bucket/an object" => (200, "text/plain", Object),
                _ => (404, "application/xml", "<Error><Code>NoSuchKey</Code></Error>"),
            };
        context.Response.StatusCode = status;
        context.Response.ContentType = type;
        context.Response.ContentLength = Encoding.UTF8.GetByteCount(body);
        context.Response.Headers.LastModified = "Mon, 01 Jan 2024 00:00:00 GMT";
        context.Response.Headers.ETag = "\"sample\"";
        if (context.Request.Method != "HEAD") await context.Response.WriteAsync(body, context.RequestAborted);
    }

    /// <summary>"Signature Version 4 signing process": canonical request, string to sign, signing key, signature.</summary>
    private static bool IsSigned(HttpContext context)
    {
        const string Algorithm = "AWS4-HMAC-SHA256 ";
        var request = context.Request;
        if (request.Headers.Authorization.ToString() is not { } given || !given.StartsWith(Algorithm, StringComparison.Ordinal)) return false;
        var fields = given[Algorithm.Length..].Split(',').Select(field => field.Trim().Split('=', 2)).ToDictionary(pair => pair[0], pair => pair[1]);
        var scope = fields["Credential"].Split('/', 2);
        if (scope[0] != AccessKey) return false;
        var target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget.Split('?', 2);
        var query = target.Length == 1 ? [] : target[1].Split('&').Select(part => part.Contains('=', StringComparison.Ordinal) ? part : part + "=");
        var headers = fields["SignedHeaders"].Split(';').Select(name => $"{name}:{request.Headers[name].ToString().Trim()}\n");
        var canonical = $"{request.Method}\n{target[0]}\n{string.Join('&', query.Order(StringComparer.Ordinal))}\n{string.Concat(headers)}\n"
            + $"{fields["SignedHeaders"]}\n{request.Headers["x-amz-content-sha256"]}";
        var text = $"{Algorithm.Trim()}\n{request.Headers["x-amz-date"]}\n{scope[1]}\n{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(canonical)))}";
        var key = scope[1].Split('/').Aggregate(
            Encoding.UTF8.GetBytes("AWS4" + SecretKey), (secret, part) => HMACSHA256.HashData(secret, Encoding.UTF8.GetBytes(part)));
        return fields["Signature"] == Convert.ToHexStringLower(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(text)));
    }
}
