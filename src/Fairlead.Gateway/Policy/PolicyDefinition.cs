namespace Fairlead.Gateway.Policy;

/// <summary>A policy as the configuration has it, before it is known whose.</summary>
/// <param name="Name">Its name in the configuration.</param>
/// <param name="Mode">What a denial does.</param>
/// <param name="Default">The verdict where no rule matches.</param>
/// <param name="Rules">In the order of the file.</param>
/// <param name="IsFromCredentials">True to allow, besides, every method and path of the hosts that the session's credentials are bound to.</param>
internal sealed record PolicyDefinition(string Name, PolicyMode Mode, Verdict Default, IReadOnlyList<Rule> Rules, bool IsFromCredentials)
{
    /// <summary>Which addresses besides public ones its sessions may reach. Default none.</summary>
    public AddressExceptions Addresses { get; init; } = AddressExceptions.None;

    /// <summary>Hosts whose TLS is not opened, where nothing but the host decides. Default none.</summary>
    public IReadOnlyList<HostPattern> Passthrough { get; init; } = [];

    /// <summary>The policy of a session that has these credentials.</summary>
    /// <param name="bindings">Each credential's name and hosts.</param>
    public RuleSet For(IEnumerable<(string Credential, IReadOnlyList<HostPattern> Hosts)> bindings)
    {
        // Behind the written rules: those give their own names to decisions.
        var derived = IsFromCredentials ? bindings.Select(b => Rule.AllowAll($"from: credentials ({b.Credential})", b.Hosts)) : [];
        return new RuleSet(Name, Mode, Default, [.. Rules, .. derived], Addresses, Passthrough);
    }
}
