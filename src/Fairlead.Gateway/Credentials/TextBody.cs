namespace Fairlead.Gateway.Credentials;

/// <summary>The body of a request, where it is text and short enough to be looked through.</summary>
internal static class TextBody
{
    /// <summary>What is longer is not looked through: 1 MiB.</summary>
    public const int MaxBytes = 1024 * 1024;

    private static readonly string[] TextTypes = ["application/json", "application/x-www-form-urlencoded", "application/xml", "application/graphql"];

    /// <returns>The body, which is then taken, or null, and it was not touched; or what broke.</returns>
    public static async ValueTask<(byte[]? Body, IOException? Fault)> ReadAsync(HttpRequest request)
    {
        var canHaveBody = request.HttpContext.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpRequestBodyDetectionFeature>()?.CanHaveBody == true;
        if (!canHaveBody || request.ContentLength is 0 or > MaxBytes || request.Headers.ContentEncoding.Count > 0 || !IsText(request.ContentType)) return (null, null);
        using var all = new MemoryStream();
        try
        {
            while (true)
            {
                var read = await request.BodyReader.ReadAsync(request.HttpContext.RequestAborted);
                foreach (var segment in read.Buffer) all.Write(segment.Span);
                request.BodyReader.AdvanceTo(read.Buffer.End);
                if (all.Length > MaxBytes) return (null, new BadHttpRequestException("it may hold a placeholder, and is longer than it may be where its length is not announced", StatusCodes.Status413PayloadTooLarge));
                if (read.IsCompleted) return (all.ToArray(), null);
            }
        }
        catch (IOException e)
        {
            return (null, e);
        }
    }

    private static bool IsText(string? contentType)
    {
        var type = (contentType ?? "").Split(';')[0].Trim().ToLowerInvariant();
        return type.StartsWith("text/", StringComparison.Ordinal) || type.EndsWith("+json", StringComparison.Ordinal) || type.EndsWith("+xml", StringComparison.Ordinal) || TextTypes.Contains(type);
    }
}
