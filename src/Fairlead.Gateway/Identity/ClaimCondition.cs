using System.Text.Json;
using System.Text.RegularExpressions;

namespace Fairlead.Gateway.Identity;

/// <summary>One claim that a token must have: <c>repository: acme/web</c>. A value may have <c>*</c> for any characters; of several, one must match.</summary>
/// <param name="Claim">Its name; or, with a leading slash, a JSON Pointer into nested claims (RFC 6901): <c>/kubernetes.io/namespace</c>.</param>
/// <param name="Values">What it may be.</param>
internal sealed record ClaimCondition(string Claim, IReadOnlyList<string> Values)
{
    // No backtracking: the value comes from a token, and `a*b*c*` must cost what it is long.
    private readonly Regex[] _patterns =
    [
        .. Values.Where(v => v.Contains('*', StringComparison.Ordinal))
            .Select(v => new Regex($"\\A{string.Join(".*", v.Split('*').Select(Regex.Escape))}\\z", RegexOptions.CultureInvariant | RegexOptions.Singleline | RegexOptions.NonBacktracking)),
    ];

    /// <summary>How a person reads it.</summary>
    public string Text => $"{Claim}: {string.Join(" or ", Values)}";

    /// <summary>True when the claim is there and one of its values matches; of a list, one of its members. Texts, numbers and booleans only.</summary>
    public bool Holds(JsonElement claims) => Find(claims) is { } found && (found.ValueKind == JsonValueKind.Array ? found.EnumerateArray().Any(Matches) : Matches(found));

    private JsonElement? Find(JsonElement claims)
    {
        // A claim may have a slash in its name, as those that are URLs.
        if (claims.TryGetProperty(Claim, out var named)) return named;
        if (!Claim.StartsWith('/')) return null;
        var at = claims;
        foreach (var part in Claim[1..].Split('/'))
        {
            var name = part.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal);
            if (at.ValueKind != JsonValueKind.Object || !at.TryGetProperty(name, out at)) return null;
        }

        return at;
    }

    private bool Matches(JsonElement value)
    {
        var text = value.ValueKind switch
        {
            JsonValueKind.String => value.GetString()!,
            JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False => value.GetRawText(),
            _ => null,
        };
        return text is not null && (Values.Contains(text) || _patterns.Any(p => p.IsMatch(text)));
    }
}
