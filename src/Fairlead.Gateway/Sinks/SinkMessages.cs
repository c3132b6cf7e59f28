namespace Fairlead.Gateway.Sinks;

/// <summary>What the sinks tell the operator.</summary>
internal static partial class SinkMessages
{
    [LoggerMessage(1, LogLevel.Error, "The audit's sink '{Sink}' takes no records: {Problem}. It gets them from the file when it takes them again")]
    public static partial void SinkFails(this ILogger logger, string sink, string problem);

    [LoggerMessage(2, LogLevel.Information, "The audit's sink '{Sink}' takes records, and has those up to {Seq}")]
    public static partial void SinkTakes(this ILogger logger, string sink, long seq);

    [LoggerMessage(3, LogLevel.Error, "The audit's sink '{Sink}' dropped {Records} records itself: {Why}")]
    public static partial void SinkRejected(this ILogger logger, string sink, long records, string why);
}
