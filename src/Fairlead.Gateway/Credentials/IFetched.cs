namespace Fairlead.Gateway.Credentials;

/// <summary>A secret, or a family of them, that is fetched: who runs the gateway is told how that goes.</summary>
internal interface IFetched : ISecret
{
    /// <summary>Is told once when fetching begins to fail, with the reason, and once, with null, when it works again.</summary>
    Action<string?>? Changed { get; set; }

    /// <summary>Is told what came with a value and needs somebody's attention.</summary>
    Action<string>? Noted { get; set; }
}
