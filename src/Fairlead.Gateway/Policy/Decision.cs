namespace Fairlead.Gateway.Policy;

/// <summary>A verdict with its reason.</summary>
/// <param name="Verdict">What the policy says.</param>
/// <param name="IsEnforced">False in the modes observe and open: a denial is recorded only.</param>
/// <param name="Rule">The rule that decided, as its author wrote it, or <c>default: deny</c>.</param>
/// <param name="Reason">One sentence for the person who wonders why.</param>
internal sealed record Decision(Verdict Verdict, bool IsEnforced, string Rule, string Reason)
{
    /// <summary>True when the request may go on.</summary>
    public bool LetsPass => Verdict == Verdict.Allow || !IsEnforced;
}
