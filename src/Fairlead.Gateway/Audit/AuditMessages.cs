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

    [LoggerMessage(16, LogLevel.Error, "The audit {Path} ends at record {Found}, and this gateway signed record {Signed}: what was between them was removed. The chain goes on behind the signed one, so that `fairlead-gateway audit verify` finds the place")]
    public static partial void AuditWasCut(this ILogger logger, string path, long found, long signed);

    [LoggerMessage(17, LogLevel.Information, "The audit goes on in a new file; the one before it is {Closed}")]
    public static partial void AuditRotated(this ILogger logger, string closed);

    [LoggerMessage(18, LogLevel.Error, "The audit file {Path} cannot be rotated, and grows: {Problem}. It is tried again in a minute")]
    public static partial void AuditRotationFailed(this ILogger logger, string path, string problem);

    [LoggerMessage(19, LogLevel.Warning, "{Path} is called like a closed file of the audit and is none that this gateway has closed: it and those behind it are not deleted")]
    public static partial void AuditFileIsForeign(this ILogger logger, string path);

    [LoggerMessage(20, LogLevel.Information, "{Path} was deleted, as audit.keep says; the audit has a record of it")]
    public static partial void AuditFileExpired(this ILogger logger, string path);

    [LoggerMessage(21, LogLevel.Error, "{Path} was deleted before every sink had it: audit.keep.unsent is reached. The sinks' copies have a hole there")]
    public static partial void AuditFileExpiredUnsent(this ILogger logger, string path);

    [LoggerMessage(22, LogLevel.Error, "A closed file of the audit {Path} should go, as audit.keep says, and cannot be deleted: {Problem}")]
    public static partial void AuditFileStays(this ILogger logger, string path, string problem);

    [LoggerMessage(23, LogLevel.Error, "What was captured of requests could not be written to {Path}: {Problem}. Their records are not touched by that")]
    public static partial void AuditCapturesFailed(this ILogger logger, string path, string problem);
}
