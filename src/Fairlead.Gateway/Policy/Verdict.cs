namespace Fairlead.Gateway.Policy;

/// <summary>What a rule says.</summary>
internal enum Verdict
{
    Deny,
    Allow,
}
