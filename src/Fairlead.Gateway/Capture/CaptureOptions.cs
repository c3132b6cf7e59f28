namespace Fairlead.Gateway.Capture;

/// <summary>What is kept of a session's requests besides their records. A session without it has none of that.</summary>
internal sealed record CaptureOptions
{
    /// <summary>The most that <see cref="MaxBody"/> may be.</summary>
    public const int LargestBody = 1024 * 1024;

    /// <summary>True when bodies are kept, too, and not heads alone.</summary>
    public bool Bodies { get; init; }

    /// <summary>How many bytes of each body are kept. Default 64 KiB, 1 MiB at most.</summary>
    public int MaxBody { get; init; } = 64 * 1024;
}
