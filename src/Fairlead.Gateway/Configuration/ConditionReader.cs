using Fairlead.Gateway.Policy;
using Fairlead.Wire;
using YamlDotNet.RepresentationModel;

namespace Fairlead.Gateway.Configuration;

/// <summary><c>when:</c> of a rule.</summary>
internal static class ConditionReader
{
    private static readonly string[] OperationTypes = ["query", "mutation", "subscription"];

    public static List<Condition> Read(ConfigNode node)
    {
        var fields = node.Closed("header", "content_type", "larger_than", "graphql", "json_rpc");
        var conditions = new List<Condition>();
        if (fields.Has("header", out var header) && Words(header) is { Count: > 0 } names)
        {
            if (names.Find(n => !IsToken(n)) is { } odd) header.Fail($"expected the name of a header alone, got '{HostPort.Printable(odd)}'");
            conditions.Add(new Condition.HasHeader(names));
        }

        if (fields.Has("content_type", out var type) && Words(type) is { Count: > 0 } types)
        {
            if (types.Find(t => t.Split('/') is not [var kind, var subtype] || !IsToken(kind) || !IsToken(subtype) || t.Contains('*', StringComparison.Ordinal)) is { } odd) type.Fail($"expected a media type such as application/json, got '{HostPort.Printable(odd)}'");
            conditions.Add(new Condition.ContentType(types));
        }

        if (fields.Has("larger_than", out var size) && Units.ReadBytes(size) is { } bytes) conditions.Add(new Condition.LargerThan(bytes));
        if (fields.Has("graphql", out var graphQl) && Words(graphQl) is { Count: > 0 } operations)
        {
            if (operations.Find(o => !OperationTypes.Contains(o)) is { } odd) graphQl.Fail($"expected {string.Join(", ", OperationTypes)}, got '{HostPort.Printable(odd)}'");
            conditions.Add(new Condition.GraphQl(operations));
        }

        if (fields.Has("json_rpc", out var jsonRpc) && Words(jsonRpc) is { Count: > 0 } methods)
        {
            if (methods.Find(m => m.Any(c => c is <= ' ' or > '~' or ',' or ';')) is { } odd) jsonRpc.Fail($"expected a method such as tools/call, got '{HostPort.Printable(odd)}'");
            conditions.Add(new Condition.JsonRpc(methods));
        }

        if (conditions.Count == 0 && node.Node is YamlMappingNode { Children.Count: 0 }) node.Fail("it names no condition: header, content_type, larger_than, graphql or json_rpc");
        return conditions;
    }

    // RFC 9110 §5.6.2.
    private static bool IsToken(string text) => text.Length > 0 && text.All(c => char.IsAsciiLetterOrDigit(c) || "!#$%&'*+-.^_`|~".Contains(c, StringComparison.Ordinal));

    /// <summary>One word, or a list of them.</summary>
    public static List<string> Words(ConfigNode node)
    {
        if (node.Node is not YamlSequenceNode) return node.Text() is { Length: > 0 } word ? [word] : [];
        List<string> words = [.. node.Items().Select(i => i.Text()).Where(w => w.Length > 0)];
        if (words.Count == 0) node.Fail("the list is empty");
        return words;
    }
}
