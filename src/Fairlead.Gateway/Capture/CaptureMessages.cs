namespace Fairlead.Gateway.Capture;

/// <summary>What captures tell the operator.</summary>
internal static partial class CaptureMessages
{
    [LoggerMessage(1, LogLevel.Error, "What passed by of the request {Request} could not be kept; its record is")]
    public static partial void CaptureFailed(this ILogger logger, string request, Exception exception);
}
