using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace Fairlead.Gateway.Policy;

/// <summary>JSON of which every reader makes the same: a member that stands twice, or in two cases of letters, is read by one server and not by the next.</summary>
internal static class StrictJson
{
    private static readonly JsonDocumentOptions Options = new() { MaxDepth = 64, AllowDuplicateProperties = false };

    /// <summary>True for <c>application/json</c> and types that end in <c>+json</c> (RFC 6839).</summary>
    public static bool IsJson(string? mediaType) => mediaType == "application/json" || mediaType?.EndsWith("+json", StringComparison.Ordinal) == true;

    /// <returns>Null when it is no JSON, or can be read in two ways.</returns>
    public static JsonDocument? TryParse(byte[] body)
    {
        try
        {
            return JsonDocument.Parse(body, Options);
        }
        // The second: the name of a member is half of a surrogate pair.
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>The text of a member, if exactly one member has that name in whatever case, spelt as expected.</summary>
    public static bool TryGetText(JsonElement element, string name, [NotNullWhen(true)] out string? text)
    {
        text = null;
        try
        {
            if (element.ValueKind != JsonValueKind.Object || element.EnumerateObject().Count(m => m.Name.Equals(name, StringComparison.OrdinalIgnoreCase)) != 1) return false;
            if (!element.TryGetProperty(name, out var value) || value.ValueKind != JsonValueKind.String) return false;
            text = value.GetString()!;
            return true;
        }
        catch (InvalidOperationException)
        {
            // Half of a surrogate pair: what it means is every server's own business.
            return false;
        }
    }

    /// <summary>The members of a batch, or the one message that stands alone.</summary>
    public static IEnumerable<JsonElement> Messages(JsonElement root) => root.ValueKind == JsonValueKind.Array ? root.EnumerateArray() : [root];
}
