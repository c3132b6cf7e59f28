using Microsoft.AspNetCore.Http.Features;

namespace Fairlead.Gateway.Credentials;

/// <summary>The body of a request that must be known as a whole before any of it is sent.</summary>
internal static class HeldBody
{
    /// <summary>True when there may be one. What flows over a WebSocket is none.</summary>
    public static bool CanBeIn(HttpRequest request)
    {
        var features = request.HttpContext.Features;
        return features.Get<IHttpExtendedConnectFeature>()?.IsExtendedConnect != true && features.Get<IHttpUpgradeFeature>()?.IsUpgradableRequest != true
            && features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody == true;
    }

    /// <summary>Takes the body.</summary>
    /// <param name="request">Its request.</param>
    /// <param name="most">How long it may be, in bytes.</param>
    /// <returns>The body, or the beginning of one that is longer.</returns>
    /// <exception cref="IOException">The workload left, or, as <see cref="BadHttpRequestException"/>, the body is malformed.</exception>
    public static async ValueTask<byte[]> ReadAsync(HttpRequest request, long most)
    {
        using var all = new MemoryStream();
        while (true)
        {
            var read = await request.BodyReader.ReadAsync(request.HttpContext.RequestAborted);
            foreach (var segment in read.Buffer) all.Write(segment.Span);
            request.BodyReader.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted || all.Length > most) return all.ToArray();
        }
    }
}
