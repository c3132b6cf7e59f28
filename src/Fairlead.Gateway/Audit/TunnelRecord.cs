namespace Fairlead.Gateway.Audit;

/// <summary>What happened to one tunnel. Written when it ends, on every path.</summary>
internal sealed record TunnelRecord
{
    public required DateTimeOffset Time { get; init; }

    public required string Tunnel { get; init; }

    /// <summary>Null when nobody was authenticated.</summary>
    public string? Session { get; init; }

    /// <summary>Null when the CONNECT was not read or not understood.</summary>
    public string? Host { get; init; }

    public int? Port { get; init; }

    /// <summary>What the relay was answered: 200, or a refusal.</summary>
    public int Status { get; set; }

    public Outcome Outcome { get; set; }

    /// <summary>One sentence, when the outcome needs one.</summary>
    public string? Detail { get; set; }

    public int Requests { get; set; }

    /// <summary>Null where TLS was opened, or was to be: the requests have records of their own.</summary>
    public PassthroughRecord? Passthrough { get; set; }

    public long BytesIn { get; set; }

    public long BytesOut { get; set; }

    public TimeSpan Total { get; set; }
}
