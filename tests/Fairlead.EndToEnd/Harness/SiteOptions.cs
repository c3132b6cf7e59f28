namespace Fairlead.EndToEnd.Harness;

/// <summary>What a site has that others have not.</summary>
internal sealed record SiteOptions
{
    /// <summary>The gateway's own listener: its scheme.</summary>
    public bool GatewayOverTls { get; init; }

    /// <summary>The gateway's port; 0 for a free one.</summary>
    public int GatewayPort { get; init; }

    /// <summary>A path in front of the gateway's endpoints, as an ingress adds it: <c>/edge</c>.</summary>
    public string Prefix { get; init; } = "";

    /// <summary>In place of the usual rules, where a test needs fewer.</summary>
    public IReadOnlyList<string>? UsualRules { get; init; }

    /// <summary>Rules after the usual ones.</summary>
    public IReadOnlyList<string> Rules { get; init; } = [];

    /// <summary>Entries of <c>sessions</c> after the usual two.</summary>
    public IReadOnlyList<string> Sessions { get; init; } = [];

    /// <summary>Entries of <c>secrets</c> after the usual ones.</summary>
    public IReadOnlyList<string> Secrets { get; init; } = [];

    /// <summary>Entries of <c>credentials</c> after the usual ones.</summary>
    public IReadOnlyList<string> Credentials { get; init; } = [];

    /// <summary>Sections of the configuration that the usual one has not: <c>issuers</c>, <c>admin</c> and so on.</summary>
    public string Sections { get; init; } = "";

    /// <summary>What is in the section <c>audit</c> behind its file.</summary>
    public string Audit { get; init; } = "";

    /// <summary>Files of the site's folder, written before the gateway starts.</summary>
    public IReadOnlyDictionary<string, string> Files { get; init; } = new Dictionary<string, string>();

    /// <summary>Does more to the site's folder before the gateway starts.</summary>
    public Action<TempFolder> Prepare { get; init; } = _ => { };

    /// <summary>Keys of the policy beside its rules, a line each.</summary>
    public IReadOnlyList<string> Policy { get; init; } = [];

    /// <summary>Keys of the section <c>upstream</c> beside its roots and names, a line each.</summary>
    public IReadOnlyList<string> Upstream { get; init; } = [];

    /// <summary>Stands for the origin's address in <see cref="Resolve"/>.</summary>
    public const string TheOrigin = "the origin";

    /// <summary>Names beside the origin's own, with the address that answers for them.</summary>
    public IReadOnlyDictionary<string, string> Resolve { get; init; } = new Dictionary<string, string>();

    /// <summary>The section <c>ca</c> of the gateway's configuration.</summary>
    public string Ca { get; init; } = "{ directory: ./state/ca }";

    /// <summary>PEM certificates that the gateway trusts beside the origin's.</summary>
    public string ExtraCa { get; init; } = "";
}
