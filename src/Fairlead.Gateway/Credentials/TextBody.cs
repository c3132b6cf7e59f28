using Microsoft.AspNetCore.Http.Features;

namespace Fairlead.Gateway.Credentials;

/// <summary>The body of a request, where it is text and short enough to be looked through.</summary>
internal static class TextBody
{
    /// <summary>What is longer is not looked through: 1 MiB.</summary>
    public const int MaxBytes = 1024 * 1024;

    private static readonly string[] TextTypes = ["application/json", "application/x-www-form-urlencoded", "application/xml", "application/graphql", "application/javascript", "application/x-ndjson", "application/yaml"];

    /// <returns>The body, which is then taken; the beginning of one that is longer; or null, and it was not touched.</returns>
    /// <exception cref="IOException">The workload left, or, as <see cref="BadHttpRequestException"/>, the body is malformed.</exception>
    public static async ValueTask<byte[]?> ReadAsync(HttpRequest request)
    {
        var features = request.HttpContext.Features;
        // What flows over a WebSocket is no body.
        if (features.Get<IHttpExtendedConnectFeature>()?.IsExtendedConnect == true || features.Get<IHttpUpgradeFeature>()?.IsUpgradableRequest == true) return null;
        if (features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody != true || request.ContentLength is 0 or > MaxBytes) return null;
        if (request.Headers.ContentEncoding.Count > 0 || !IsText(request.ContentType)) return null;
        using var all = new MemoryStream();
        while (true)
        {
            var read = await request.BodyReader.ReadAsync(request.HttpContext.RequestAborted);
            foreach (var segment in read.Buffer) all.Write(segment.Span);
            request.BodyReader.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted || all.Length > MaxBytes) return all.ToArray();
        }
    }

    /// <summary>True for a media type of which text is made: its parts are not counted in bytes.</summary>
    public static bool IsText(string? contentType)
    {
        var type = (contentType ?? "").Split(';')[0].Trim().ToLowerInvariant();
        return type.StartsWith("text/", StringComparison.Ordinal) || type.EndsWith("+json", StringComparison.Ordinal) || type.EndsWith("+xml", StringComparison.Ordinal) || TextTypes.Contains(type);
    }
}
