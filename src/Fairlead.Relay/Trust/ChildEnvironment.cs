namespace Fairlead.Relay.Trust;

/// <summary>What a child of the relay finds in its environment: what the tools of the table read, and nothing else.</summary>
internal static class ChildEnvironment
{
    /// <summary>
    /// Hosts that tools reach directly. One domain stands three times because tools differ: bare, with a leading dot (Python), as a glob (Bun, curl, Go).
    /// </summary>
    public const string DefaultNoProxy =
        "localhost,127.0.0.1,::1,169.254.0.0/16,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,anthropic.com,.anthropic.com,*.anthropic.com";

    /// <summary>The variables and their values, each name once.</summary>
    public static IReadOnlyList<(string Name, string Value)> For(TrustFacts facts) =>
        [.. Variables.Eight.Concat(Tools.All.SelectMany(tool => tool.Variables)).Distinct().SelectMany(variable => variable.ValuesFrom(facts))];

    /// <summary>Which hosts are not proxied: neither inspected, nor audited, nor given a credential.</summary>
    /// <param name="gatewayHost">The gateway's own host, behind the default list.</param>
    /// <param name="added">What an operator put on top, or null.</param>
    /// <param name="instead">What an operator put instead of all this, or null.</param>
    public static string NoProxy(string gatewayHost, string? added, string? instead)
    {
        var list = instead ?? $"{DefaultNoProxy},{gatewayHost}";
        return string.IsNullOrEmpty(added) ? list : list.Length == 0 ? added : $"{list},{added}";
    }
}
