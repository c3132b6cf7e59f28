namespace Fairlead.Wire;

/// <summary>The tunnel broke before its end was announced: the bytes read so far are not the whole stream and must not be taken for it.</summary>
public sealed class TunnelAbortedException : IOException
{
    /// <summary>Says how the tunnel broke.</summary>
    public TunnelAbortedException(string message) : base(message) { }

    /// <summary>Says how the tunnel broke, with the cause.</summary>
    public TunnelAbortedException(string message, Exception innerException) : base(message, innerException) { }

    /// <summary>Without a message; needed by the conventions of exceptions only.</summary>
    public TunnelAbortedException() { }
}
