using Fairlead.Wire;

namespace Fairlead.Gateway;

/// <summary>The target of a request, byte for byte as sent, and what the workload says it is for.</summary>
/// <param name="PathAndQuery">As it goes to the upstream.</param>
/// <param name="Path">The part that policy judges and the audit shows.</param>
/// <param name="QueryNames">The names of the query's parameters.</param>
internal sealed record RequestTarget(string PathAndQuery, string Path, IReadOnlyList<string> QueryNames)
{
    private const int MaxQueryNames = 32;

    // To some frameworks (Rails, Laravel, Symfony and others), or to a middleware of them, the method of a POST.
    private static readonly string[] OverrideNames = ["_method", "x-http-method-override"];

    /// <summary>The parameter of the query by which some servers take another method than the request's, or null.</summary>
    public string? OverridingParameter => PathAndQuery.Length == Path.Length
        ? null
        : PathAndQuery[(Path.Length + 1)..].Split('&', ';').Select(p => p.Split('=')[0]).SelectMany(n => new[] { Uri.UnescapeDataString(n), AsPhpReads(n) }).FirstOrDefault(n => OverrideNames.Contains(n, StringComparer.OrdinalIgnoreCase));

    /// <summary>Reads origin-form and absolute-form (RFC 9112 §3.2); Kestrel checked that an absolute one agrees with Host.</summary>
    /// <param name="rawTarget">As sent.</param>
    /// <returns>Null for forms that name no resource of an origin (<c>*</c>, authority-form) and for what is no visible ASCII.</returns>
    public static RequestTarget? Parse(string rawTarget)
    {
        var pathAndQuery = rawTarget;
        if (!rawTarget.StartsWith('/'))
        {
            var authority = rawTarget.IndexOf("://", StringComparison.Ordinal);
            if (authority < 0) return null;
            var slash = rawTarget.AsSpan(authority + 3).IndexOfAny('/', '?');
            // RFC 9110 §4.2.4: userinfo in an http(s) URI is an attempt to be read as another host.
            if (rawTarget.AsSpan(authority + 3, slash < 0 ? rawTarget.Length - authority - 3 : slash).Contains('@')) return null;
            pathAndQuery = slash < 0 ? "/" : rawTarget[(authority + 3 + slash)..];
            if (pathAndQuery[0] == '?') pathAndQuery = "/" + pathAndQuery;
        }

        // HttpClient writes the target as ASCII: in place of another character it would send what lies in its buffer. A blank would split the request line.
        if (pathAndQuery.AsSpan().IndexOfAnyExceptInRange('!', '~') >= 0) return null;
        // A fragment is never sent (RFC 9110 §4.1), yet some servers cut at '#': both readings would have to be judged.
        if (pathAndQuery.Contains('#', StringComparison.Ordinal)) return null;
        var query = pathAndQuery.IndexOf('?', StringComparison.Ordinal);
        return query < 0
            ? new RequestTarget(pathAndQuery, pathAndQuery, [])
            : new RequestTarget(pathAndQuery, pathAndQuery[..query], NamesOf(pathAndQuery[(query + 1)..]));
    }

    /// <summary>True when the Host header or <c>:authority</c> names the tunnel's destination.</summary>
    public static bool IsFor(HostPort destination, string host) =>
        (destination.Port == 443 && host == destination.UriHost) || HostPort.TryParse(host, defaultPort: 443, out var asked, out _) && asked == destination;

    // PHP makes a variable of a name: it ends at NUL, blanks before it are dropped, and what no variable may have becomes '_'.
    private static string AsPhpReads(string name) =>
        Uri.UnescapeDataString(name.Replace('+', ' ')).Split('\0')[0].TrimStart(' ').Replace('.', '_').Replace(' ', '_').Replace('[', '_');

    // A parameter without '=' may be a value as a whole (a token, say), so it has no name.
    private static string[] NamesOf(string query) =>
        [.. query.Split('&').Select(p => p.IndexOf('=', StringComparison.Ordinal) is > 0 and var at ? p[..at] : "").Where(n => n.Length > 0).Distinct().Take(MaxQueryNames)];
}
