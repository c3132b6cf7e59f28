namespace Fairlead.EndToEnd.RedTeam.Stage;

/// <summary>What one connection brought to an origin, as it was read there.</summary>
/// <param name="ServerName">The name that TLS asked for.</param>
internal sealed record CanaryConnection(string ServerName)
{
    private readonly Lock _gate = new();
    private readonly List<StrictRequest> _requests = [];

    /// <summary>The requests, each whole.</summary>
    public IReadOnlyList<StrictRequest> Requests
    {
        get
        {
            lock (_gate) return [.. _requests];
        }
    }

    /// <summary>Bytes behind the last whole request.</summary>
    public string Rest { get; set; } = "";

    /// <summary>What was no request of HTTP, or null.</summary>
    public string? Garbage { get; set; }

    public void Add(StrictRequest request)
    {
        lock (_gate) _requests.Add(request);
    }
}
