namespace Fairlead.Gateway.Interception;

/// <summary>There is no leaf for a tunnel, so its TLS fails.</summary>
/// <param name="message">Why: a sentence for the workload and the audit.</param>
/// <param name="remedy">What to do about it.</param>
/// <param name="detail">What the audit has beside it; not for the workload.</param>
internal sealed class LeafRefusedException(string message, string remedy, string? detail = null) : Exception(message)
{
    public string Remedy => remedy;

    public string? Detail => detail;
}
