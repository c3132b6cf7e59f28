using System.Text.Json.Nodes;
using Fairlead.Wire;

namespace Fairlead.Gateway.Credentials;

/// <summary>
/// What a token of a GitHub App is for. Derived from the request: a fetch and a GET read, a push and everything else may write, and a request about one
/// repository gets a token of that one. Never more than the operator configured.
/// </summary>
/// <param name="api">The host and path of the API.</param>
/// <param name="repositories">OWNER/NAME; empty for all of the installation.</param>
/// <param name="permissions">The most that there is; null for all of the installation.</param>
/// <param name="isDerived">False for one token for all requests.</param>
internal sealed class GitHubScope(Uri api, IReadOnlyList<string> repositories, IReadOnlyDictionary<string, string>? permissions, bool isDerived)
{
    private static readonly string[] GitEndings = ["/info/refs", "/git-upload-pack", "/git-receive-pack"];
    private static readonly Dictionary<string, string> OfNothing = new() { ["metadata"] = "read" };

    /// <summary>True for git over https, which takes the token as the password of Basic.</summary>
    public bool IsGit(RequestLine request) => !IsApi(request) && (GitEndings.Any(e => request.Path.EndsWith(e, StringComparison.Ordinal)) || request.Path.Contains("/info/lfs", StringComparison.Ordinal));

    /// <summary>The body of the question for the token that a request needs.</summary>
    public string For(RequestLine request)
    {
        if (!isDerived) return Body(repositories, permissions);
        var about = RepositoryOf(request);
        if (about is null || repositories.Count == 0) return Body(repositories, PermissionsFor(request));
        var named = repositories.FirstOrDefault(r => r.Equals(about, StringComparison.OrdinalIgnoreCase));
        // Of a repository that is not ours the public part can be read, with a token that opens nothing else.
        return named is null ? Body(repositories, OfNothing) : Body([named], PermissionsFor(request));
    }

    private IReadOnlyDictionary<string, string>? PermissionsFor(RequestLine request)
    {
        if (!IsGit(request)) return permissions is null || !request.IsRead ? permissions : permissions.ToDictionary(p => p.Key, _ => "read");
        if (!IsPush(request)) return permissions?.ContainsKey("contents") == false ? OfNothing : new Dictionary<string, string> { ["contents"] = "read" };
        if (permissions is null) return new Dictionary<string, string> { ["contents"] = "write" };
        // A push of files below .github/workflows needs a permission of its own.
        var push = permissions.Where(p => p.Key is "contents" or "workflows").ToDictionary();
        return push.Count == 0 ? OfNothing : push;
    }

    // gitprotocol-http: what announces a push, and the push. Locks and uploads of LFS are POST, and what a batch of it wants is in its body.
    private static bool IsPush(RequestLine request) =>
        request.Path.EndsWith("/info/refs", StringComparison.Ordinal) ? request.Parameter("service") == "git-receive-pack" : !request.IsRead && !request.Path.EndsWith("/git-upload-pack", StringComparison.Ordinal);

    private string? RepositoryOf(RequestLine request)
    {
        var prefix = IsApi(request) ? api.AbsolutePath.TrimEnd('/') : "";
        var segments = request.Path[prefix.Length..].Split('/')[1..];
        // uploads.github.com has the paths of the API.
        if (IsApi(request) || segments[0] == "repos") segments = segments[0] == "repos" ? segments[1..] : [];
        return segments.Length < 2 ? null : $"{segments[0]}/{(segments[1].EndsWith(".git", StringComparison.Ordinal) ? segments[1][..^4] : segments[1])}";
    }

    private bool IsApi(RequestLine request) =>
        HostPort.TryParse(api.Authority, 443, out var host, out _) && host == request.Destination && $"{request.Path}/".StartsWith(api.AbsolutePath.TrimEnd('/') + "/", StringComparison.Ordinal);

    private static string Body(IReadOnlyList<string> repositories, IReadOnlyDictionary<string, string>? permissions)
    {
        var body = new JsonObject();
        if (repositories.Count > 0) body["repositories"] = new JsonArray([.. repositories.Select(r => JsonValue.Create(r[(r.IndexOf('/', StringComparison.Ordinal) + 1)..]))]);
        if (permissions is not null) body["permissions"] = new JsonObject(permissions.OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => KeyValuePair.Create(p.Key, (JsonNode?)JsonValue.Create(p.Value))));
        return body.ToJsonString();
    }
}
