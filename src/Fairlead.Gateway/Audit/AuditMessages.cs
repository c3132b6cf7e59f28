namespace Fairlead.Gateway.Audit;

/// <summary>What the audit tells the operator.</summary>
internal static partial class AuditMessages
{
    [LoggerMessage(10, LogLevel.Error, "The audit file {Path} cannot be written: {Problem}. New requests get 503 until it can.")]
    public static partial void AuditFailed(this ILogger logger, string path, string problem);

    [LoggerMessage(11, LogLevel.Warning, "The end of the audit file {Path} was torn, as by a crash: {Bytes} bytes are left as they are, and marked")]
    public static partial void AuditLineWasTorn(this ILogger logger, string path, int bytes);

    [LoggerMessage(12, LogLevel.Error, "The audit file {Path} can be written again; {Lost} records were lost, which it says")]
    public static partial void AuditLostRecords(this ILogger logger, string path, long lost);

    [LoggerMessage(13, LogLevel.Error, "Somebody else changed the audit file {Path} while the gateway wrote to it; `fairlead-gateway audit verify` says where")]
    public static partial void AuditWasChanged(this ILogger logger, string path);

    [LoggerMessage(14, LogLevel.Warning, "The disk of the audit file {Path} is slow: {Records} records took {Milliseconds} ms, and requests waited for them")]
    public static partial void AuditIsSlow(this ILogger logger, string path, int records, long milliseconds);

    [LoggerMessage(15, LogLevel.Warning, "The last checkpoint of the audit could not be written to {Path}: {Problem}")]
    public static partial void AuditHeadFailed(this ILogger logger, string path, string problem);
}
