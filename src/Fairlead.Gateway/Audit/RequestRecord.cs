using Fairlead.Gateway.Policy;

namespace Fairlead.Gateway.Audit;

/// <summary>What happened to one request. Written when it ends, on every path.</summary>
internal sealed record RequestRecord
{
    public required DateTimeOffset Time { get; init; }

    public required string Request { get; init; }

    public required string Tunnel { get; init; }

    public required string Session { get; init; }

    public required string Protocol { get; init; }

    public required string Method { get; init; }

    public required string Host { get; init; }

    public required int Port { get; init; }

    /// <summary>Without the query: its values are often secret.</summary>
    public required string Path { get; init; }

    /// <summary>The names of the query's parameters.</summary>
    public IReadOnlyList<string> QueryNames { get; init; } = [];

    /// <summary>The name of the session's policy.</summary>
    public required string Policy { get; set; }

    /// <summary>Which version of it: <see cref="RuleSet.Hash"/>.</summary>
    public required string PolicyHash { get; set; }

    /// <summary>Null when the request was refused before policy was asked.</summary>
    public Decision? Decision { get; set; }

    /// <summary>Names, never values.</summary>
    public IReadOnlyList<string> Credentials { get; set; } = [];

    /// <summary>The names of credentials of which a secret was in the answer, and was taken out.</summary>
    public IReadOnlyList<string> Redacted { get; set; } = [];

    /// <summary>Null when the workload left before an answer began.</summary>
    public int? Status { get; set; }

    public Outcome Outcome { get; set; }

    public string? Detail { get; set; }

    public long BytesIn { get; set; }

    public long BytesOut { get; set; }

    public TimeSpan Queue { get; set; }

    public TimeSpan Dial { get; set; }

    public TimeSpan? FirstByte { get; set; }

    public TimeSpan Total { get; set; }

    /// <summary>What was captured of it: an object of JSON in one line, or null.</summary>
    public byte[]? Capture { get; set; }
}
