namespace Fairlead.Gateway.Interception;

/// <summary>What the CA tells the operator.</summary>
internal static partial class InterceptionMessages
{
    [LoggerMessage(20, LogLevel.Warning, "The certificate of {Subject} ends on {NotAfter:yyyy-MM-dd}, and was made anew for another year with the same key. For a new key: fairlead-gateway ca rotate")]
    public static partial void CaRenewed(this ILogger logger, string subject, DateTimeOffset notAfter);

    [LoggerMessage(21, LogLevel.Warning, "The certificate of {Subject} ends on {NotAfter:yyyy-MM-dd}: make another with the same key, or name the one that follows it under ca.next")]
    public static partial void CaExpires(this ILogger logger, string subject, DateTimeOffset notAfter);

    [LoggerMessage(22, LogLevel.Information, "The CA is being rotated: containers are told of {Subject} from now on, and leaves come from it from {LeavesFrom:u} on")]
    public static partial void CaRotates(this ILogger logger, string subject, DateTimeOffset leavesFrom);

    [LoggerMessage(23, LogLevel.Information, "Leaves come from {Subject} now (SHA-256 {Fingerprint})")]
    public static partial void CaSwitched(this ILogger logger, string subject, string fingerprint);

    [LoggerMessage(24, LogLevel.Information, "{Subject} is no longer served, and its key is destroyed")]
    public static partial void CaDropped(this ILogger logger, string subject);

    [LoggerMessage(25, LogLevel.Error, "The CA has changed and cannot be read, so the gateway goes on with what it has: {Problem}")]
    public static partial void CaNotRead(this ILogger logger, string problem);

    [LoggerMessage(26, LogLevel.Information, "The CA in {Path} can be read again")]
    public static partial void CaReadAgain(this ILogger logger, string path);

    [LoggerMessage(27, LogLevel.Error, "The CA in {Path} cannot be written, which is tried again in an hour: {Problem}")]
    public static partial void CaNotWritten(this ILogger logger, string path, string problem);

    [LoggerMessage(28, LogLevel.Warning, "The CA may sign for {Names}, but ca.permitted_names says {Wanted}: run `fairlead-gateway ca rotate` for one that does. Until then leaves are made only where both permit it")]
    public static partial void CaHasOtherNames(this ILogger logger, string names, string wanted);

    [LoggerMessage(29, LogLevel.Warning, "No leaf for {Host}: the CA's signer {Problem}")]
    public static partial void NotSigned(this ILogger logger, string host, string problem);
}
