namespace Fairlead.EndToEnd.RedTeam;

/// <summary>What became of one case.</summary>
/// <param name="Case">The case's name; a way in which it was tried stands behind it in parentheses.</param>
/// <param name="Fault">What the ground truth shows that must not be; null when the case was held.</param>
internal sealed record Verdict(string Case, string? Fault)
{
    public bool IsHeld => Fault is null;
}
