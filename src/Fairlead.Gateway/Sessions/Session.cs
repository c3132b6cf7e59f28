using Fairlead.Gateway.Credentials;
using Fairlead.Gateway.Policy;

namespace Fairlead.Gateway.Sessions;

/// <summary>Who is calling, and what was given to them.</summary>
/// <param name="Id">The session's id: the user of the second authentication, and its name in the audit.</param>
/// <param name="TokenHash">SHA-256 of the session token. The token itself is not kept.</param>
/// <param name="Policy">What it may ask for.</param>
/// <param name="Credentials">What is added to its requests.</param>
internal sealed record Session(string Id, byte[] TokenHash, RuleSet Policy, CredentialSet Credentials);
