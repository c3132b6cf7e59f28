namespace Fairlead.Gateway.Credentials;

/// <summary>A secret cannot be had now. The message says why, without any value, and is fit for the log and the audit.</summary>
internal sealed class CredentialException(string message, Exception? cause = null) : Exception(message, cause);
