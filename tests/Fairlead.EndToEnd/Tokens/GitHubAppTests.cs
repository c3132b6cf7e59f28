using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Fairlead.EndToEnd.Harness;
using Fairlead.EndToEnd.Origins;

namespace Fairlead.EndToEnd.Tokens;

/// <summary>git, and curl for the API, behind a gateway that has the key of a GitHub App. The tokens are made of what they were asked for.</summary>
public sealed class GitHubAppTests
{
    private const string Session = "FAKE-github-app-session";

    [Fact]
    public async Task A_fetch_shows_a_token_that_reads_and_a_push_one_that_writes()
    {
        using var key = RSA.Create(2048);
        await using var github = await TokenServer.StartAsync(asked => IsSignedBy(key, asked) ? (201, TokenFor(asked.Body)) : (401, "{}"));
        await using var site = await Site.StartAsync(new SiteOptions
        {
            Files = new Dictionary<string, string> { ["app.pem"] = key.ExportPkcs8PrivateKeyPem(), ["github-ca.pem"] = github.RootPem, ["app.token"] = Session },
            Credentials = [$"app: {{ use: github-app, app_id: 77, installation_id: 42, private_key: {{ from: file, path: app.pem }}, api: \"{github.Url}\", token_ca: github-ca.pem, repositories: [acme/app], permissions: {{ contents: write }}, hosts: [github.com, second.test] }}"],
            Rules = ["allow * github.com/**", "allow * second.test/**"],
            Sessions = ["{ id: app, token: { from: file, path: app.token }, policy: default, credentials: [app] }"],
        });
        var relay = await site.StartRelayAsync("app", Session);
        var repository = Directory.CreateDirectory(Path.Combine(site.Origin.GitRepositories.Path, "acme", "app.git")).FullName;
        await GitAsync(repository, "init", "--quiet", "--bare", "--initial-branch=main");
        await GitAsync(repository, "config", "http.receivepack", "true");
        var clone = site.Folder.File("clone");

        (await site.RunAsync(relay, "git", "clone", "--quiet", "https://github.com/acme/app.git", clone)).Succeeded();
        File.WriteAllText(Path.Combine(clone, "file"), "text\n");
        await GitAsync(clone, "add", ".");
        await GitAsync(clone, "-c", "user.name=tester", "-c", "user.email=tester@origin.test", "commit", "--quiet", "-m", "A file");
        (await site.RunAsync(relay, "git", "-C", clone, "-c", "http.version=HTTP/1.1", "push", "--quiet", "origin", "HEAD:main")).Succeeded();
        (await site.RunAsync(relay, "git", "clone", "--quiet", "https://github.com/acme/app.git", site.Folder.File("again"))).Succeeded();
        (await site.RunAsync(relay, "curl", "-sS", "-H", "Authorization: Bearer made-up", "https://second.test/repos/acme/app")).Succeeded();
        (await site.RunAsync(relay, "curl", "-sS", "-d", "{}", "https://second.test/repos/acme/app/issues")).Succeeded();

        Assert.True(File.Exists(site.Folder.File("again/file")));
        var git = site.Origin.Requests.To("github.com");
        Assert.InRange(git.Count(r => r.Target.Contains("receive-pack", StringComparison.Ordinal)), 2, 10);
        Assert.All(git, r => Assert.Equal([Basic(r.Target.Contains("receive-pack", StringComparison.Ordinal) ? "FAKE-ghs-write-app" : "FAKE-ghs-read-app")], r.Values("Authorization")));
        Assert.Equal(["Bearer FAKE-ghs-read-app", "Bearer FAKE-ghs-write-app"], site.Origin.Requests.To("second.test").Select(r => Assert.Single(r.Values("Authorization"))));
        // One token for each need, whoever has it.
        Assert.Equal(2, github.Questions.Count);
        Assert.All(github.Questions, q => Assert.Equal(("POST", "/app/installations/42/access_tokens"), (q.Method, q.Target)));
        Assert.DoesNotContain("FAKE-ghs", File.ReadAllText(Path.Combine(clone, ".git", "config")) + File.ReadAllText(site.Audit.File) + site.Gateway.Program.Stderr.Text, StringComparison.Ordinal);
    }

    private static string Basic(string token) => "Basic " + Convert.ToBase64String(Encoding.ASCII.GetBytes($"x-access-token:{token}"));

    private static string TokenFor(string body)
    {
        var asked = JsonNode.Parse(body)!;
        return new JsonObject { ["token"] = $"FAKE-ghs-{asked["permissions"]!["contents"]}-{asked["repositories"]!.AsArray().Single()}", ["expires_at"] = DateTimeOffset.UtcNow.AddHours(1).ToString("s") + "Z" }.ToJsonString();
    }

    private static bool IsSignedBy(RSA key, TokenServer.Asked asked)
    {
        var parts = asked.Authorization["Bearer ".Length..].Split('.');
        var claims = JsonNode.Parse(Base64Url.DecodeFromChars(parts[1]))!;
        var now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        return (string?)claims["iss"] == "77" && (long)claims["iat"]! <= now && (long)claims["exp"]! - now is > 0 and <= 600
            && key.VerifyData(Encoding.ASCII.GetBytes($"{parts[0]}.{parts[1]}"), Base64Url.DecodeFromChars(parts[2]), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
    }

    private static async Task GitAsync(string folder, params string[] arguments)
    {
        await using var git = RunningProgram.Start("git", arguments, ToolEnvironment.Clean(folder), folder);
        (await git.WaitAsync(Limits.Token())).Succeeded();
    }
}
