namespace Fairlead.Gateway;

/// <summary>What the gateway tells its operator. A refused request is no line here: the audit has it.</summary>
internal static partial class GatewayLog
{
    [LoggerMessage(1, LogLevel.Information, "Fairlead gateway {Version}: sessions {Sessions}, CA {Ca}, audit in {AuditFile}")]
    public static partial void Started(this ILogger logger, string version, int sessions, string ca, string auditFile);

    [LoggerMessage(2, LogLevel.Warning, "{Warning}")]
    public static partial void ConfigWarning(this ILogger logger, string warning);

    [LoggerMessage(3, LogLevel.Debug, "Tunnel {Tunnel} to {Destination} opened for session {Session}")]
    public static partial void TunnelOpened(this ILogger logger, string tunnel, string destination, string session);

    [LoggerMessage(4, LogLevel.Error, "Tunnel {Tunnel}: an error that nobody foresaw")]
    public static partial void TunnelFailed(this ILogger logger, string tunnel, Exception exception);

    [LoggerMessage(5, LogLevel.Error, "Request {Request}: an error that nobody foresaw")]
    public static partial void RequestFailed(this ILogger logger, string request, Exception exception);

    [LoggerMessage(6, LogLevel.Warning, "The process may be read by others of its user: prctl(PR_SET_DUMPABLE) failed ({Error})")]
    public static partial void StaysDumpable(this ILogger logger, int error);

    [LoggerMessage(7, LogLevel.Information, "Configuration in force: policy {Policy} ({Mode}, {Rules} rules, {Hash}) for sessions {Sessions}")]
    public static partial void PolicyInForce(this ILogger logger, string policy, string mode, int rules, string hash, string sessions);

    [LoggerMessage(8, LogLevel.Error, "The changed configuration {Path} does not load, and the one before it stays in force: {Problem}")]
    public static partial void ConfigRefused(this ILogger logger, string path, string problem);

    [LoggerMessage(9, LogLevel.Warning, "The configuration changed {What}: that takes effect at a restart")]
    public static partial void NeedsRestart(this ILogger logger, string what);

    [LoggerMessage(13, LogLevel.Information, "Session {Session} was made by 'admin', until {Expires:u}")]
    public static partial void SessionMade(this ILogger logger, string session, DateTimeOffset expires);

    [LoggerMessage(15, LogLevel.Warning, "Administration: {Problem}")]
    public static partial void AdministrationFailed(this ILogger logger, string problem);

    [LoggerMessage(16, LogLevel.Information, "Session {Session} was revoked by 'admin'")]
    public static partial void SessionRevoked(this ILogger logger, string session);

    [LoggerMessage(12, LogLevel.Information, "Session {Session}: {Why}; its open tunnels are cut")]
    public static partial void SessionEnded(this ILogger logger, string session, string why);

    [LoggerMessage(14, LogLevel.Error, "A relay asked for its CA and got none: the CA's signer {Problem}")]
    public static partial void CaNotServed(this ILogger logger, string problem);

    [LoggerMessage(20, LogLevel.Error, "ALARM: session {Session} sent the placeholder of the credential {Credential} to {Destination}, which that credential is not bound to (request {Request})")]
    public static partial void PlaceholderMisused(this ILogger logger, string session, string credential, string destination, string request);

    [LoggerMessage(23, LogLevel.Error, "ALARM: the answer of {Destination} to session {Session} held the secret of the credential {Credentials}, which was taken out (request {Request})")]
    public static partial void SecretCameBack(this ILogger logger, string destination, string session, string credentials, string request);

    [LoggerMessage(21, LogLevel.Error, "The secret {Secret} cannot be had: {Problem}")]
    public static partial void SecretUnavailable(this ILogger logger, string secret, string problem);

    [LoggerMessage(23, LogLevel.Warning, "The secret {Secret}: {Note}")]
    public static partial void SecretNoted(this ILogger logger, string secret, string note);

    [LoggerMessage(22, LogLevel.Information, "The secret {Secret} can be had again")]
    public static partial void SecretAvailable(this ILogger logger, string secret);

    [LoggerMessage(30, LogLevel.Warning, "The collector {Endpoint} does not take spans, which are dropped: {Problem}")]
    public static partial void TracesAreNotTaken(this ILogger logger, Uri endpoint, string problem);

    [LoggerMessage(31, LogLevel.Information, "The collector {Endpoint} takes spans again")]
    public static partial void TracesAreTaken(this ILogger logger, Uri endpoint);
}
