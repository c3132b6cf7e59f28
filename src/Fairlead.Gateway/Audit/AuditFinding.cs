namespace Fairlead.Gateway.Audit;

/// <summary>Where an audit is not what the gateway wrote.</summary>
/// <param name="File">In which file.</param>
/// <param name="Line">At which line of it, from 1.</param>
/// <param name="What">What is wrong there.</param>
internal sealed record AuditFinding(string File, int Line, string What)
{
    public override string ToString() => $"{File}:{Line}: {What}";
}
