namespace Fairlead.Gateway.Audit;

/// <summary>When a file is closed and the next one begun; whichever comes first.</summary>
internal sealed record RotationOptions
{
    /// <summary>At how many bytes. Null: at any size.</summary>
    public long? Size { get; init; }

    /// <summary>After how long, from its first record. Null: at any age. A file in which nothing happened goes on.</summary>
    public TimeSpan? Every { get; init; }

    public bool IsDue(long length, DateTimeOffset began, DateTimeOffset now) => length >= Size || now - began >= Every;
}
