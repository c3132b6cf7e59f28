using System.Text.Json;

namespace Fairlead.Tests.Gateway.Audit;

/// <summary>docs/audit.schema.json as the tests read it: what must be there, what may be there, and the closed lists.</summary>
internal static class AuditSchema
{
    private static readonly JsonElement Root = JsonDocument.Parse(File.ReadAllText(Find())).RootElement;

    public static IReadOnlyList<string> OutcomesOf(string type) =>
        [.. DefinitionOf(type).GetProperty("properties").GetProperty("outcome").GetProperty("enum").EnumerateArray().Select(e => e.GetString()!)];

    /// <summary>Fails unless a record is exactly what the schema says of its type.</summary>
    public static void AssertHolds(JsonElement record) => AssertHolds(DefinitionOf(record.GetProperty("type").GetString()!), record, "record");

    private static JsonElement DefinitionOf(string name) => Root.GetProperty("$defs").GetProperty(name);

    // The part of JSON Schema that the file uses; a keyword that is not known here fails, so that nothing goes unchecked.
    private static void AssertHolds(JsonElement schema, JsonElement value, string where)
    {
        foreach (var keyword in schema.EnumerateObject())
        {
            switch (keyword.Name)
            {
                case "description": break;
                case "$ref": AssertHolds(DefinitionOf(keyword.Value.GetString()!["#/$defs/".Length..]), value, where); break;
                case "const": Assert.True(JsonElement.DeepEquals(keyword.Value, value), $"{where}: {value}"); break;
                case "enum": Assert.True(keyword.Value.EnumerateArray().Any(e => JsonElement.DeepEquals(e, value)), $"{where}: {value} is not in the list"); break;
                case "type": Assert.True(TypesOf(keyword.Value).Any(t => IsOf(t, value)), $"{where}: {value} is no {keyword.Value}"); break;
                case "minimum": Assert.True(value.GetDouble() >= keyword.Value.GetDouble(), $"{where}: {value}"); break;
                case "maximum": Assert.True(value.GetDouble() <= keyword.Value.GetDouble(), $"{where}: {value}"); break;
                case "pattern": Assert.Matches(keyword.Value.GetString()!, value.GetString()!); break;
                case "items": Assert.All(value.EnumerateArray(), item => AssertHolds(keyword.Value, item, where + "[]")); break;
                case "oneOf": Assert.Single(keyword.Value.EnumerateArray(), one => Holds(one, value)); break;
                case "required": Assert.All(keyword.Value.EnumerateArray(), name => Assert.True(value.TryGetProperty(name.GetString()!, out _), $"{where}: {name} is missing")); break;
                case "additionalProperties": Assert.False(keyword.Value.GetBoolean()); break;
                case "properties":
                    foreach (var member in value.EnumerateObject())
                    {
                        Assert.True(keyword.Value.TryGetProperty(member.Name, out var known), $"{where}: {member.Name} is not in the schema");
                        AssertHolds(known, member.Value, $"{where}.{member.Name}");
                    }

                    break;
                default: Assert.Fail($"the schema uses '{keyword.Name}', which this test does not know"); break;
            }
        }
    }

    private static bool Holds(JsonElement schema, JsonElement value)
    {
        try
        {
            AssertHolds(schema, value, "");
            return true;
        }
        catch (Exception e) when (e is Xunit.Sdk.XunitException or InvalidOperationException)
        {
            return false;
        }
    }

    private static IEnumerable<string> TypesOf(JsonElement type) => type.ValueKind == JsonValueKind.Array ? type.EnumerateArray().Select(t => t.GetString()!) : [type.GetString()!];

    private static bool IsOf(string type, JsonElement value) => type switch
    {
        "string" => value.ValueKind == JsonValueKind.String,
        "null" => value.ValueKind == JsonValueKind.Null,
        "object" => value.ValueKind == JsonValueKind.Object,
        "array" => value.ValueKind == JsonValueKind.Array,
        "number" => value.ValueKind == JsonValueKind.Number,
        "boolean" => value.ValueKind is JsonValueKind.True or JsonValueKind.False,
        "integer" => value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out _),
        _ => throw new ArgumentException(type, nameof(type)),
    };

    private static string Find()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "docs", "audit.schema.json"))) return Path.Combine(folder.FullName, "docs", "audit.schema.json");
        }

        throw new FileNotFoundException("docs/audit.schema.json is not above the test program");
    }
}
