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

    // Kestrel tells an aborted connection as a cancellation that nobody asked for, and a completed one as an invalid operation.
    internal static bool IsBrokenConnection(Exception e, CancellationToken cancellationToken) =>
        e is IOException or InvalidOperationException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested);
}
