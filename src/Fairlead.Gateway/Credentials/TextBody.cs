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
        if (!HeldBody.CanBeIn(request) || request.ContentLength is 0 or > MaxBytes) return null;
        if (request.Headers.ContentEncoding.Count > 0 || !IsText(request.ContentType)) return null;
        return await HeldBody.ReadAsync(request, MaxBytes);
    }

    /// <summary>True for a media type of which text is made: its parts are not counted in bytes.</summary>
    public static bool IsText(string? contentType)
    {
        var type = (contentType ?? "").Split(';')[0].Trim().ToLowerInvariant();
        return type.StartsWith("text/", StringComparison.Ordinal) || type.EndsWith("+json", StringComparison.Ordinal) || type.EndsWith("+xml", StringComparison.Ordinal) || TextTypes.Contains(type);
    }
}
