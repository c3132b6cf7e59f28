using System.Diagnostics.CodeAnalysis;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Fairlead.Gateway.Configuration;

/// <summary>A place in the file that knows where it is. Reading it wrongly adds an error and gives an empty value, so that the rest is read too.</summary>
/// <param name="Node">What stands there; null for something that is missing and was reported.</param>
/// <param name="Path">How a person would name the place: <c>policies.default.rules</c>.</param>
/// <param name="Errors">Where errors go.</param>
internal sealed record ConfigNode(YamlNode? Node, string Path, ConfigErrors Errors)
{
    public Mark At => Node?.Start ?? Mark.Empty;

    public void Fail(string text) => Errors.Add(At, $"{Path}: {text}");

    /// <summary>The entries of a mapping in which every key is known.</summary>
    public Fields Closed(params string[] known)
    {
        var fields = new Dictionary<string, ConfigNode>();
        foreach (var (key, value) in Entries())
        {
            if (known.Contains(key)) fields[key] = value;
            else Errors.Add(KeyAt(key), $"{Child(key)}: unknown key '{Wire.HostPort.Printable(key)}'; did you mean '{ConfigErrors.Nearest(key, known)}'? Known here: {string.Join(", ", known)}");
        }

        return new Fields(this, fields);
    }

    /// <summary>The entries of a mapping whose keys are names that the author chose.</summary>
    public IReadOnlyList<(string Key, ConfigNode Value)> Entries()
    {
        if (Node is null) return [];
        if (Node is not YamlMappingNode mapping)
        {
            Fail($"expected a mapping (key: value), got {Kind(Node)}");
            return [];
        }

        var entries = new List<(string, ConfigNode)>();
        foreach (var (key, value) in mapping.Children)
        {
            if (key is YamlScalarNode { Value: { Length: > 0 } name }) entries.Add((name, new ConfigNode(value, Child(name), Errors)));
            else Errors.Add(key.Start, $"{Path}: expected a text as key, got {Kind(key)}");
        }

        return entries;
    }

    public IReadOnlyList<ConfigNode> Items()
    {
        if (Node is null) return [];
        if (Node is YamlSequenceNode sequence) return [.. sequence.Children.Select((child, i) => new ConfigNode(child, $"{Path}[{i}]", Errors))];
        Fail($"expected a list, got {Kind(Node)}");
        return [];
    }

    /// <summary>A text that is not empty.</summary>
    public string Text()
    {
        if (Node is null) return "";
        if (Node is YamlScalarNode { Value.Length: > 0 } scalar && !IsNull(scalar)) return scalar.Value;
        Fail($"expected a text, got {Kind(Node)}");
        return "";
    }

    /// <summary>One word of a closed list, or an empty text.</summary>
    public string OneOf(params string[] known)
    {
        var text = Text();
        if (text.Length == 0 || known.Contains(text)) return text;
        Fail($"expected {string.Join(" or ", known)}, got '{Wire.HostPort.Printable(text)}'; did you mean '{ConfigErrors.Nearest(text, known)}'?");
        return "";
    }

    private Mark KeyAt(string key) => ((YamlMappingNode)Node!).Children.Keys.First(k => (k as YamlScalarNode)?.Value == key).Start;

    private string Child(string key) => Path.Length == 0 ? Wire.HostPort.Printable(key) : $"{Path}.{Wire.HostPort.Printable(key)}";

    private static bool IsNull(YamlScalarNode scalar) => scalar is { Style: ScalarStyle.Plain, Value: "null" or "~" };

    private static string Kind(YamlNode node) => node switch
    {
        YamlMappingNode => "a mapping",
        YamlSequenceNode => "a list",
        YamlScalarNode { Value: null or "" } => "nothing",
        YamlScalarNode s when IsNull(s) => "nothing",
        // Not shown: where a mapping is expected, a secret may stand that was meant to be named.
        YamlScalarNode => "a text",
        _ => "something else",
    };

    /// <summary>The known entries of a mapping.</summary>
    internal sealed class Fields(ConfigNode owner, Dictionary<string, ConfigNode> fields)
    {
        /// <summary>An entry that must be there; a missing one is an error at the mapping.</summary>
        public ConfigNode Required(string key)
        {
            if (fields.TryGetValue(key, out var found)) return found;
            if (owner.Node is YamlMappingNode) owner.Errors.Add(owner.At, $"{(owner.Path.Length == 0 ? "the file" : owner.Path)}: '{key}' is missing");
            return new ConfigNode(null, owner.Child(key), owner.Errors);
        }

        public bool Has(string key, [NotNullWhen(true)] out ConfigNode? node) => fields.TryGetValue(key, out node);
    }
}
