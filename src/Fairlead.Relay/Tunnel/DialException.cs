namespace Fairlead.Relay.Tunnel;

/// <summary>The gateway could not be reached or refused us. The message names the hop that failed and, where known, what helps; it holds no secret.</summary>
internal sealed class DialException(string message, Exception? innerException = null) : IOException(message, innerException);
