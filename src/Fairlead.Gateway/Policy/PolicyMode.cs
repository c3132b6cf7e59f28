namespace Fairlead.Gateway.Policy;

/// <summary>What a policy's verdict does to a request.</summary>
internal enum PolicyMode
{
    /// <summary>A denied request is refused. The default.</summary>
    Enforce,

    /// <summary>A denied request passes, and the audit says what would have refused it.</summary>
    Observe,

    /// <summary>Every request passes and no rule is asked.</summary>
    Open,
}
