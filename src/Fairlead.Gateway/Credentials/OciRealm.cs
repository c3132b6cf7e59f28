using System.Text.RegularExpressions;

namespace Fairlead.Gateway.Credentials;

/// <summary>Where the tokens of an image registry are.</summary>
/// <param name="Url">The address, https.</param>
/// <param name="Service">What the registry is called there, or null.</param>
internal sealed partial record OciRealm(Uri Url, string? Service)
{
    /// <summary>Reads the parameters of a registry's challenge: <c>realm="https://…",service="…"</c>.</summary>
    /// <returns>Null without a realm that can be asked.</returns>
    public static OciRealm? TryParse(string parameters)
    {
        string? realm = null, service = null;
        foreach (Match parameter in Parameter().Matches(parameters))
        {
            var value = parameter.Groups[2].Value;
            if (parameter.Groups[1].Value.Equals("realm", StringComparison.OrdinalIgnoreCase)) realm ??= value;
            if (parameter.Groups[1].Value.Equals("service", StringComparison.OrdinalIgnoreCase)) service ??= value;
        }

        return Uri.TryCreate(realm, UriKind.Absolute, out var url) && url.Scheme == Uri.UriSchemeHttps && url.UserInfo.Length == 0 ? new OciRealm(url, service) : null;
    }

    /// <summary>The question for a token.</summary>
    /// <param name="scopes">Scopes with a blank between them; may be empty.</param>
    public Uri UrlFor(string scopes)
    {
        var query = new List<string>();
        if (Url.Query.Length > 1) query.Add(Url.Query[1..]);
        if (Service is not null) query.Add($"service={Uri.EscapeDataString(Service)}");
        query.AddRange(scopes.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(s => $"scope={Uri.EscapeDataString(s)}"));
        return new Uri(Url.GetLeftPart(UriPartial.Path) + (query.Count == 0 ? "" : "?" + string.Join('&', query)));
    }

    // RFC 9110 §11.2: name="value". A quote within a value would be escaped, and no realm or service has one.
    [GeneratedRegex("([a-zA-Z_]+)\\s*=\\s*\"([^\"\\\\]*)\"", RegexOptions.NonBacktracking | RegexOptions.CultureInvariant)]
    private static partial Regex Parameter();
}
