namespace Fairlead.Gateway.Credentials;

/// <summary>A secret, or a family of them, that is fetched: who runs the gateway is told how that goes.</summary>
internal interface IFetched : ISecret
{
    /// <summary>Why the last fetch failed; null when it did not, or none was needed yet.</summary>
    string? Problem { get; }

    /// <summary>When the value that was fetched last expires; null before.</summary>
    DateTimeOffset? Expires { get; }

    /// <summary>Is told once when fetching begins to fail, with the reason, and once, with null, when it works again.</summary>
    Action<string?>? Changed { get; set; }

    /// <summary>Is told what came with a value and needs somebody's attention.</summary>
    Action<string>? Noted { get; set; }
}
