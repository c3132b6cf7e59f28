using Fairlead.Gateway.Policy;
using Fairlead.Gateway.Review;

namespace Fairlead.Tests.Gateway.Policy;

/// <summary>The presets against the requests that the tools they are for really make.</summary>
public sealed class PresetTests
{
    private const string Json = "Content-Type: application/json";

    [Fact]
    public void Every_preset_expands_with_all_its_hosts_and_with_those_it_must_have() => Assert.All(Presets.All, preset =>
    {
        var all = preset.Parameters.ToDictionary(p => p.TrimEnd('?'), p => $"{p.TrimEnd('?')}.example.com");
        var required = preset.Parameters.Where(p => !p.EndsWith('?')).ToDictionary(p => p, p => $"{p}.example.com");

        Assert.Equal(preset.Rules.Count, preset.Expand(all, out var problem).Count);
        Assert.Null(problem);
        Assert.NotEmpty(preset.Expand(required, out problem));
        Assert.Null(problem);
        // A preset opens; what it leaves out is not for it to forbid.
        Assert.All(preset.Expand(all, out _), r => Assert.Equal((Verdict.Allow, true), (r.Verdict, r.Text.EndsWith($" (preset {preset.Name})", StringComparison.Ordinal))));
    });

    [Fact]
    public void A_host_that_is_none_is_told()
    {
        Assert.Empty(Presets.All.Single(p => p.Name == "npm").Expand(new Dictionary<string, string> { ["registry"] = "https://npm.example.com" }, out var problem));
        Assert.NotNull(problem);
    }

    [Theory]
    // git clone, git fetch, git push
    [InlineData("github-read", "GET https://github.com/acme/web.git/info/refs?service=git-upload-pack", true)]
    [InlineData("github-read", "POST https://github.com/acme/web.git/git-upload-pack", true)]
    [InlineData("github-read", "POST https://github.com/acme/web.git/git-receive-pack", false)]
    [InlineData("github-write", "POST https://github.com/acme/web.git/git-receive-pack", true)]
    // gh
    [InlineData("github-read", "GET https://api.github.com/repos/acme/web/pulls/1", true)]
    [InlineData("github-read", "PATCH https://api.github.com/repos/acme/web/pulls/1", false)]
    [InlineData("github-write", "PATCH https://api.github.com/repos/acme/web/pulls/1", true)]
    [InlineData("github-read", "POST https://api.github.com/graphql", true, "{\"query\":\"query { viewer { login } }\"}")]
    [InlineData("github-read", "POST https://api.github.com/graphql", false, "{\"query\":\"mutation { addStar(input: {}) { clientMutationId } }\"}")]
    [InlineData("github-write", "POST https://api.github.com/graphql", true, "{\"query\":\"mutation { addStar(input: {}) { clientMutationId } }\"}")]
    // the second host of a download
    [InlineData("github-read", "GET https://codeload.github.com/acme/web/tar.gz/refs/heads/main", true)]
    [InlineData("github-read", "GET https://release-assets.githubusercontent.com/github-production-release-asset/1/2", true)]
    [InlineData("github-read", "GET https://gist.github.com/x", false)]
    [InlineData("anthropic", "POST https://api.anthropic.com/v1/messages", true)]
    [InlineData("anthropic", "POST https://api.anthropic.com/v1/organizations/invites", false)]
    [InlineData("openai", "POST https://api.openai.com/v1/chat/completions", true)]
    [InlineData("openai", "GET https://api.openai.com/v1/responses/resp_1/input_items", true)]
    [InlineData("openai", "GET https://api.openai.com/v1/organization/users", false)]
    [InlineData("datadog", "POST https://api.site.example.com/api/v2/series", true)]
    [InlineData("datadog", "POST https://7-50-3-app.agent.site.example.com/intake", true)]
    [InlineData("datadog", "GET https://api.site.example.com/api/v1/dashboard", false)]
    [InlineData("huggingface-download", "GET https://huggingface.co/acme/model/resolve/main/config.json", true)]
    [InlineData("huggingface-download", "GET https://cas-bridge.xethub.hf.co/xet-bridge-us/1", true)]
    [InlineData("huggingface-download", "POST https://huggingface.co/api/repos/create", false)]
    [InlineData("docker-pull", "GET https://registry.example.com/v2/acme/web/manifests/latest", true)]
    [InlineData("docker-pull", "GET https://auth.example.com/token?service=r&scope=repository:acme/web:pull", true)]
    [InlineData("docker-pull", "GET https://blobs.example.com/sha256/ab", true)]
    [InlineData("docker-pull", "POST https://registry.example.com/v2/acme/web/blobs/uploads/", false)]
    [InlineData("npm", "GET https://registry.example.com/@scope%2fname", true)]
    [InlineData("npm", "GET https://registry.example.com/left-pad/-/left-pad-1.3.0.tgz", true)]
    [InlineData("npm", "POST https://registry.example.com/-/npm/v1/security/advisories/bulk", true)]
    [InlineData("npm", "PUT https://registry.example.com/left-pad", false)]
    [InlineData("pypi", "GET https://index.example.com/simple/requests/", true)]
    [InlineData("pypi", "GET https://files.example.com/packages/ab/cd/requests.whl.metadata", true)]
    [InlineData("pypi", "POST https://index.example.com/legacy/", false)]
    [InlineData("nuget", "GET https://feed.example.com/v3/index.json", true)]
    [InlineData("nuget", "GET https://feed.example.com/v3-flatcontainer/x/1.0.0/x.1.0.0.nupkg", true)]
    [InlineData("nuget", "PUT https://feed.example.com/api/v2/package", false)]
    [InlineData("crates", "GET https://index.example.com/se/rd/serde", true)]
    [InlineData("crates", "GET https://crates.example.com/crates/serde/1.0.0/download", true)]
    [InlineData("crates", "PUT https://crates.example.com/api/v1/crates/new", false)]
    [InlineData("go-modules", "GET https://proxy.example.com/example.com/mod/@v/v1.0.0.zip", true)]
    [InlineData("go-modules", "GET https://sumdb.example.com/tile/8/0/x001/234", true)]
    [InlineData("debian", "GET https://mirror.example.com/debian/dists/stable/InRelease", true)]
    [InlineData("debian", "GET https://security.example.com/debian-security/dists/stable-security/InRelease", true)]
    public void A_preset_lets_its_tool_work_and_no_more(string name, string request, bool passes, string? body = null)
    {
        var preset = Presets.All.Single(p => p.Name == name);
        var rules = preset.Expand(preset.Parameters.ToDictionary(p => p.TrimEnd('?'), p => $"{p.TrimEnd('?')}.example.com"), out _);
        var words = request.Split(' ');
        Assert.True(AskedRequest.TryParse(words[0], words[1], [Json], body, out var facts, out var problem), problem);

        Assert.Equal(passes, new RuleSet("p", PolicyMode.Enforce, Verdict.Deny, rules).Decide(facts).LetsPass);
    }
}
