using System.Text.Json;

namespace Fairlead.Gateway.Policy;

/// <summary>
/// The types of the operations in a GraphQL request over HTTP: <c>query</c>, <c>mutation</c>, <c>subscription</c>. Only the top level of the document is
/// read (GraphQL specification, section 2): which of several operations is meant does not matter, each counts.
/// </summary>
internal static class GraphQlBody
{
    /// <returns>Null when it is no such request, names a stored document instead of sending one, or can be read in two ways.</returns>
    public static IReadOnlyCollection<string>? OperationTypes(byte[] body, string? mediaType)
    {
        var types = new HashSet<string>();
        if (mediaType == "application/graphql")
        {
            // Under this type, too, some servers take JSON when they see it. No document can be read as both.
            var text = System.Text.Encoding.UTF8.GetString(body);
            return text.AsSpan().TrimStart("{[, \t\r\n\ufeff") is not ['"', ..] && Add(text, types) ? types : null;
        }

        if (!StrictJson.IsJson(mediaType)) return null;
        using var json = StrictJson.TryParse(body);
        if (json is null) return null;
        foreach (var message in StrictJson.Messages(json.RootElement))
        {
            if (NamesStoredDocument(message) || !StrictJson.TryGetText(message, "query", out var document) || !Add(document, types)) return null;
        }

        return types;
    }

    // Beside a document some servers take the name of another, under names of their own: only what the specification of GraphQL over HTTP has may be there.
    private static bool NamesStoredDocument(JsonElement message)
    {
        try
        {
            return message.ValueKind != JsonValueKind.Object || message.EnumerateObject().Any(m => m.Name switch
            {
                "query" or "operationName" or "variables" => false,
                "extensions" => m.Value.ValueKind is not (JsonValueKind.Object or JsonValueKind.Null)
                    || m.Value.ValueKind == JsonValueKind.Object && m.Value.EnumerateObject().Any(e => e.Name.Contains("persisted", StringComparison.OrdinalIgnoreCase) || e.Name.Contains("document", StringComparison.OrdinalIgnoreCase)),
                _ => true,
            });
        }
        catch (InvalidOperationException)
        {
            return true;
        }
    }

    // Definitions one after another: [keyword …] { … }. Strings and comments may hold braces.
    private static bool Add(string document, HashSet<string> types)
    {
        var (depth, isHeadRead) = (0, false);
        for (var i = 0; i < document.Length;)
        {
            var c = document[i];
            if (c == '#') i = EndOfLine(document, i);
            else if (c == '"') i = EndOfString(document, i);
            else if (depth == 0 && (char.IsAsciiLetter(c) || c == '_'))
            {
                var end = i;
                while (end < document.Length && (char.IsAsciiLetterOrDigit(document[end]) || document[end] == '_')) end++;
                // The first name of a definition is its keyword; those behind it are names, directives, types.
                if (!isHeadRead && !TryAddKeyword(document[i..end], types)) return false;
                isHeadRead = true;
                i = end;
            }
            else
            {
                // "{ … }" without a keyword is a query.
                if (c == '{' && depth == 0 && !isHeadRead) types.Add("query");
                if (c is '{' or '(' or '[') depth++;
                if (c is '}' or ')' or ']') depth--;
                if (depth < 0) return false;
                // Variables in parentheses stand before the braces that end a definition.
                if (c == '}' && depth == 0) isHeadRead = false;
                i++;
            }

            if (i < 0) return false;
        }

        return depth == 0 && !isHeadRead;
    }

    private static bool TryAddKeyword(string keyword, HashSet<string> types)
    {
        if (keyword is "query" or "mutation" or "subscription") types.Add(keyword);
        // Anything but a fragment would be no executable document.
        return keyword is "query" or "mutation" or "subscription" or "fragment";
    }

    private static int EndOfLine(string text, int start)
    {
        var end = text.AsSpan(start).IndexOfAny('\n', '\r');
        return end < 0 ? text.Length : start + end;
    }

    // -1 when it has no end. Section 2.9.4: a block string ends at """ that is not written as \""".
    private static int EndOfString(string text, int start)
    {
        var isBlock = text.AsSpan(start).StartsWith("\"\"\"", StringComparison.Ordinal);
        var (mark, i) = (isBlock ? "\"\"\"" : "\"", start + (isBlock ? 3 : 1));
        for (; i < text.Length; i++)
        {
            if (isBlock && text.AsSpan(i).StartsWith("\\\"\"\"", StringComparison.Ordinal)) i += 3;
            else if (!isBlock && text[i] == '\\') i++;
            else if (!isBlock && (text[i] is '\n' or '\r')) return -1;
            else if (text.AsSpan(i).StartsWith(mark, StringComparison.Ordinal)) return i + mark.Length;
        }

        return -1;
    }
}
