using Fairlead.Gateway.Audit;

namespace Fairlead.Gateway.Configuration;

/// <summary><c>audit</c>: where the record of what was done is, and what is on disk before an upstream sees a byte.</summary>
internal static class AuditSection
{
    public static AuditOptions Read(ConfigNode node, ConfigContext context)
    {
        var fields = node.Closed("file", "guarantee", "key");
        var options = new AuditOptions(context.PathOf(fields.Required("file")));
        if (fields.Has("key", out var key) && context.PathOf(key) is { Length: > 0 } path) options = options with { KeyFile = path };
        if (!fields.Has("guarantee", out var guarantee)) return options;
        return guarantee.OneOf("before-upstream", "before-upstream-always", "best-effort") switch
        {
            "before-upstream-always" => options with { Guarantee = AuditGuarantee.BeforeUpstreamAlways },
            "best-effort" => options with { Guarantee = AuditGuarantee.BestEffort },
            _ => options,
        };
    }
}
