using Fairlead.Gateway.Audit;

namespace Fairlead.Gateway.Configuration;

/// <summary><c>audit</c>: where the record of what was done is, and what is on disk before an upstream sees a byte.</summary>
internal static class AuditSection
{
    // A smaller one would be closed by a handful of requests.
    private const long SmallestFile = 16 * 1024;

    public static AuditOptions Read(ConfigNode node, ConfigContext context)
    {
        var fields = node.Closed("file", "guarantee", "key", "rotate", "keep", "sinks");
        var options = new AuditOptions(context.PathOf(fields.Required("file")));
        if (fields.Has("key", out var key) && context.PathOf(key) is { Length: > 0 } path) options = options with { KeyFile = path };
        if (fields.Has("rotate", out var rotate)) options = options with { Rotation = ReadRotation(rotate) };
        if (fields.Has("keep", out var keep))
        {
            options = options with { Retention = ReadRetention(keep) };
            if (rotate is null) keep.Fail("only closed files are deleted, and without 'rotate' none is ever closed");
        }

        if (!fields.Has("guarantee", out var guarantee)) return options;
        return guarantee.OneOf("before-upstream", "before-upstream-always", "best-effort") switch
        {
            "before-upstream-always" => options with { Guarantee = AuditGuarantee.BeforeUpstreamAlways },
            "best-effort" => options with { Guarantee = AuditGuarantee.BestEffort },
            _ => options,
        };
    }

    private static RotationOptions ReadRotation(ConfigNode node)
    {
        var fields = node.Closed("size", "every");
        var rotation = new RotationOptions
        {
            Size = fields.Has("size", out var size) ? Units.ReadBytes(size) : null,
            Every = fields.Has("every", out var every) ? Units.ReadTime(every) : null,
        };
        if (size is null && every is null && node.Node is YamlDotNet.RepresentationModel.YamlMappingNode) node.Fail("expected 'size', 'every' or both");
        if (rotation.Size < SmallestFile) size!.Fail($"expected {SmallestFile / 1024}KiB or more");
        return rotation;
    }

    private static RetentionOptions ReadRetention(ConfigNode node)
    {
        var fields = node.Closed("files", "time", "unsent");
        var retention = new RetentionOptions
        {
            Files = fields.Has("files", out var files) ? Units.ReadCount(files) : null,
            Time = fields.Has("time", out var time) ? Units.ReadTime(time) : null,
        };
        if (files is null && time is null && node.Node is YamlDotNet.RepresentationModel.YamlMappingNode) node.Fail("expected 'files', 'time' or both");
        return fields.Has("unsent", out var unsent) && Units.ReadBytes(unsent) is { } most ? retention with { Unsent = most } : retention;
    }
}
