namespace Fairlead.Relay;

/// <summary>What became of the start-up.</summary>
internal abstract record StartupOutcome
{
    private StartupOutcome() { }

    /// <summary>Nobody asked for the proxy here. Nothing was touched.</summary>
    /// <param name="Gate">The gate that does not hold and what would open it.</param>
    public sealed record Off(string Gate) : StartupOutcome;

    /// <summary>The proxy was wanted and a step failed.</summary>
    /// <param name="Step">The step's number and name: "step 4 (CA certificate)".</param>
    /// <param name="Cause">What was expected and what came, without a full stop.</param>
    /// <param name="Remedy">What helps, a whole sentence.</param>
    public sealed record Failed(string Step, string Cause, string Remedy) : StartupOutcome
    {
        /// <summary>The one line for the operator.</summary>
        /// <param name="consequence">What this means now, a whole sentence.</param>
        public string Describe(string consequence) => $"{Step} failed: {Cause}. {consequence} {Remedy}";
    }

    /// <summary>The relay listens.</summary>
    /// <param name="Relay">It; the caller disposes it.</param>
    public sealed record Started(RunningRelay Relay) : StartupOutcome;
}
