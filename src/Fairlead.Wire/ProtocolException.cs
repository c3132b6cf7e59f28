namespace Fairlead.Wire;

/// <summary>The peer sent something that the tunnel protocol does not allow. It is fatal for the tunnel; the message says what was expected and what came.</summary>
public sealed class ProtocolException : IOException
{
    /// <summary>Says what was expected and what came.</summary>
    public ProtocolException(string message) : base(message) { }

    /// <summary>Says what was expected and what came, with the cause.</summary>
    public ProtocolException(string message, Exception innerException) : base(message, innerException) { }

    /// <summary>Without a message; needed by the conventions of exceptions only.</summary>
    public ProtocolException() { }
}
