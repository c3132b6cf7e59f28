namespace Fairlead.Gateway.Interception;

/// <summary>A leaf could not be signed. The message says why, as the predicate of "the CA's signer".</summary>
internal sealed class SigningException(string message, Exception? cause = null) : Exception(message, cause);
