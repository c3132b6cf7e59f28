using Fairlead.Gateway.Audit;
using Fairlead.Gateway.Credentials;

namespace Fairlead.Gateway;

/// <summary>What it is in the audit and to the tool when credentials could not, or must not, be applied.</summary>
internal static class InjectionOutcome
{
    /// <returns>The outcome, the status of the answer, and what to do.</returns>
    public static (Outcome Outcome, int Status, string Remedy) Of(InjectionFault fault) => fault switch
    {
        InjectionFault.Misplaced => (Outcome.PlaceholderMisused, 403, "Find out what sent it there. If the host is meant, the owner of the gateway's configuration can bind the credential to it."),
        InjectionFault.OwnHeader => (Outcome.CredentialConflict, 403, "Send no credential, or the placeholder that you were given."),
        InjectionFault.BodyTooLong => (Outcome.Limited, 413, "Announce the length of the body, which then passes as it is; or send less at once."),
        InjectionFault.BodyTooLongToSign => (Outcome.Limited, 413, "Send less at once, or ask the owner of the gateway's configuration for more ('max_body' of the credential)."),
        InjectionFault.Unsignable => (Outcome.BadRequest, 400, "Change how the client signs, or what it is told to sign."),
        _ => (Outcome.CredentialUnavailable, 502, "This is no refusal by policy, and nothing was sent. Try again; if it lasts, ask the operator of the gateway with the request id: its log says why."),
    };
}
