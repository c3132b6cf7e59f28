namespace Fairlead.Gateway.Upstream;

/// <summary>Reaching the upstream failed. The message is for the tool: it says which hop and why, and holds no header and no body.</summary>
internal sealed class UpstreamException(UpstreamFailure failure, string message, Exception? cause = null) : IOException(message, cause)
{
    public UpstreamFailure Failure => failure;

    /// <summary>The one in a chain of causes, or null.</summary>
    public static UpstreamException? In(Exception? exception)
    {
        for (var e = exception; e is not null; e = e.InnerException)
        {
            if (e is UpstreamException found) return found;
        }

        return null;
    }
}
