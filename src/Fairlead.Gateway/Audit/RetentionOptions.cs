namespace Fairlead.Gateway.Audit;

/// <summary>Which closed files stay: those within both limits. The file that is written always stays.</summary>
internal sealed record RetentionOptions
{
    /// <summary>How many closed files. Null: any number.</summary>
    public int? Files { get; init; }

    /// <summary>For how long after they were closed. Null: for ever.</summary>
    public TimeSpan? Time { get; init; }

    /// <summary>How many bytes of closed files are kept for sinks that do not have them yet, beyond what the other limits keep.</summary>
    public long Unsent { get; init; } = 10L * 1024 * 1024 * 1024;

    public bool KeepsAll => Files is null && Time is null;
}
