using System.Text.RegularExpressions;
using Fairlead.Wire;

namespace Fairlead.Gateway.Credentials;

/// <summary>What a token of an image registry is for, as the registry would say it in its challenge (the scopes of the distribution project's token authentication).</summary>
/// <param name="Registry">The registry.</param>
/// <param name="Scopes">Scopes with a blank between them; empty for one that only shows who asks.</param>
internal sealed partial record OciScope(HostPort Registry, string Scopes)
{
    private const string Prefix = "/v2/";
    // Names have 255 characters at most in practice, a digest some 140.
    private const int MaxPathLength = 1024;

    /// <summary>What a request needs. What is no request of the protocol gets a token without a scope, which opens nothing.</summary>
    public static OciScope Of(RequestLine request)
    {
        var scopes = new List<string>();
        if (request.Path == Prefix + "_catalog") scopes.Add("registry:catalog:*");
        else if (request.Path.Length <= MaxPathLength && Resource().Match(request.Path) is { Success: true } resource)
        {
            scopes.Add($"repository:{resource.Groups["name"].Value}:{ActionsOf(request, isUpload: resource.Groups["upload"].Success)}");
            // A blob that is in another repository already is mounted from there.
            if (resource.Groups["upload"].Success && request.Parameter("mount") is not null && request.Parameter("from") is { } from && from.Length <= MaxPathLength && Name().IsMatch(from)) scopes.Add($"repository:{from}:pull");
        }

        return new OciScope(request.Destination, string.Join(' ', scopes));
    }

    private static string ActionsOf(RequestLine request, bool isUpload) => request.Method switch
    {
        "GET" or "HEAD" when !isUpload => "pull",
        "DELETE" => isUpload ? "pull,push,delete" : "delete",
        _ => "pull,push",
    };

    // OCI distribution specification 1.1: the grammar of names; no name can hold what a scope is made of.
    [GeneratedRegex("^/v2/(?<name>[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*)*)/(?:manifests/[!-.0-~]+|tags/list|referrers/[!-.0-~]+|blobs/(?<upload>uploads(?:/[!-.0-~]*)?)|blobs/[!-.0-~]+)\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Resource();

    [GeneratedRegex("^[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*)*\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Name();
}
