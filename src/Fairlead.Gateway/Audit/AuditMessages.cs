namespace Fairlead.Gateway.Audit;

/// <summary>What the audit tells the operator.</summary>
internal static partial class AuditMessages
{
    [LoggerMessage(10, LogLevel.Error, "The audit file {Path} cannot be written: {Problem}. New requests get 503 until it can.")]
    public static partial void AuditFailed(this ILogger logger, string path, string problem);

    [LoggerMessage(11, LogLevel.Warning, "The last line of the audit file {Path} was torn, as after a crash; it was ended and left as it is")]
    public static partial void AuditLineWasTorn(this ILogger logger, string path);
}
