namespace Fairlead.Relay.Startup;

/// <summary>A step of the start-up cannot be done. Two sentences for the operator: why, and what helps. Neither ever holds a secret.</summary>
internal sealed class StepException(string cause, string remedy, Exception? innerException = null) : Exception(cause, innerException)
{
    /// <summary>What was expected and what came, without a full stop.</summary>
    public string Cause { get; } = cause;

    /// <summary>What the operator can do about it, a whole sentence.</summary>
    public string Remedy { get; } = remedy;

    /// <summary>True when the token file is there and holds nothing: it counts as absent, and stays.</summary>
    public bool IsBlankToken { get; init; }
}
