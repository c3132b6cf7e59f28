using System.Security.Cryptography;
using System.Text.Json;
using Fairlead.EndToEnd.Harness;
using Fairlead.EndToEnd.Origins;

namespace Fairlead.EndToEnd.Tokens;

/// <summary><c>fairlead-gateway credentials</c> as an operator runs it. Every secret, also one that is fetched, has FAKE in it, and no output may.</summary>
public sealed class CredentialsVerbTests : IAsyncLifetime
{
    private static readonly RSA Key = RSA.Create(2048);

    private readonly TempFolder _folder = new();
    private Origin _origin = null!;
    private TokenServer _tokens = null!;

    public async ValueTask InitializeAsync()
    {
        _origin = await Origin.StartAsync();
        _tokens = await TokenServer.StartAsync(asked => asked.Target switch
        {
            "/refused" => (400, "{\"error\":\"invalid_client\",\"error_description\":\"FAKE\"}"),
            "/app/installations/42/access_tokens" => (201, $"{{\"token\":\"FAKE-ghs\",\"expires_at\":\"{DateTimeOffset.UtcNow.AddMinutes(60):s}Z\"}}"),
            "/v1/secret/data/ci/key" => (200, "{\"data\":{\"data\":{\"key\":\"FAKE-kept\"}}}"),
            _ => (200, "{\"access_token\":\"FAKE-access\",\"refresh_token\":\"FAKE-next\",\"expires_in\":3600}"),
        });
        foreach (var name in (string[])["key", "refresh", "token"]) _folder.Write(name, "FAKE-" + name);
        _folder.Write("app.pem", Key.ExportPkcs8PrivateKeyPem());
        _folder.Write("google.json", JsonSerializer.Serialize(new { type = "service_account", client_email = "robot@p.test", private_key = Key.ExportPkcs8PrivateKeyPem(), token_uri = _tokens.Url + "token" }));
        _folder.Write("origin-ca.pem", _origin.Certificates.RootPem);
        _folder.Write("token-ca.pem", _tokens.RootPem);
        _folder.Write("fairlead.yaml", $$"""
            version: 1
            listen: http://127.0.0.1:8080
            ca: { directory: ./ca }
            secrets:
              key: { from: file, path: key }
              refresh: { from: file, path: refresh }
              made: { from: exec, command: [cat, key] }
              kept: { from: vault, address: "{{_tokens.Url}}", path: ci/key, field: key, auth: { token: { from: file, path: token } }, ca: token-ca.pem }
            credentials:
              header: { use: header, set: { X-Key: "{key}" }, hosts: [second.test] }
              bearer: { use: bearer, secret: made, hosts: [second.test] }
              vault: { use: bearer, secret: kept, hosts: [second.test] }
              basic: { use: basic, username: user, password: key, hosts: [second.test] }
              query: { use: query, set: { key: "{key}" }, hosts: [second.test] }
              placeholder: { use: placeholder, secret: key, placeholder: made-up-placeholder, hosts: [second.test] }
              client: { use: oauth2-client-credentials, token_url: "{{_tokens.Url}}token", client_id: c, client_secret: key, token_ca: token-ca.pem, hosts: [second.test] }
              refresh: { use: oauth2-refresh-token, token_url: "{{_tokens.Url}}token", client_id: c, refresh_token: refresh, state: ./refresh.json, token_ca: token-ca.pem, hosts: [second.test] }
              refresh-stateless: { use: oauth2-refresh-token, token_url: "{{_tokens.Url}}token", client_id: c, refresh_token: refresh, token_ca: token-ca.pem, hosts: [second.test] }
              github: { use: github-app, app_id: 7, installation_id: 42, private_key: { from: file, path: app.pem }, api: "{{_tokens.Url}}", token_ca: token-ca.pem, hosts: [second.test] }
              registry: { use: oci-registry, password: key, token_url: "{{_tokens.Url}}token", token_ca: token-ca.pem, hosts: [second.test] }
              google: { use: google-service-account, key: { from: file, path: google.json }, scopes: [a], token_url: "{{_tokens.Url}}token", token_ca: token-ca.pem, hosts: [second.test] }
              aws: { use: aws-sigv4, access_key_id: "{key}", secret_access_key: key, region: eu-west-1, service: execute-api, hosts: [second.test] }
              hmac: { use: hmac, key: key, sign: "{method}{target}", header: X-Signature, hosts: [second.test] }
              refused: { use: oauth2-client-credentials, token_url: "{{_tokens.Url}}refused", client_id: c, client_secret: key, token_ca: token-ca.pem, hosts: [second.test] }
              wide: { use: bearer, secret: key, hosts: ["*.tools.test"] }
              untrusted: { use: bearer, secret: key, hosts: [untrusted.test] }
            policies: { default: { rules: [] } }
            sessions: [{ id: demo, token: { from: file, path: token }, policy: default, credentials: [bearer] }]
            audit: { file: ./audit.jsonl }
            upstream:
              extra_ca: origin-ca.pem
              resolve: { second.test: "{{_origin.Address}}:{{_origin.Port}}", untrusted.test: "{{_origin.Address}}:{{_origin.Port}}" }
            """);
    }

    public async ValueTask DisposeAsync()
    {
        await _origin.DisposeAsync();
        await _tokens.DisposeAsync();
        _folder.Dispose();
    }

    /// <summary>What each kind says of what it sent, and what the origin got.</summary>
    public static TheoryData<string, string, string, string> Kinds => new()
    {
        { "header", "sent      X-Key: ***", "X-Key", "FAKE-key" },
        { "bearer", "sent      Authorization: Bearer ***", "Authorization", "Bearer FAKE-key" },
        { "vault", "v1/secret/data/ci/key", "Authorization", "Bearer FAKE-kept" },
        { "basic", "sent      Authorization: Basic ***", "Authorization", "Basic " + Convert.ToBase64String("user:FAKE-key"u8) },
        { "query", "sent      key=***", "", "key=FAKE-key" },
        { "aws", "sent      Authorization: ***", "Authorization", "" },
        { "hmac", "sent      X-Signature: ***", "X-Signature", "" },
        { "client", "fetched   client (token): it lives 60 m", "Authorization", "Bearer FAKE-access" },
        { "refresh", "fetched   refresh (token): it lives 60 m", "Authorization", "Bearer FAKE-access" },
        { "github", "fetched   github (token): it lives 60 m", "Authorization", "Bearer FAKE-ghs" },
        { "registry", "fetched   registry (token): it lives 60 m", "Authorization", "Bearer FAKE-access" },
        { "google", "fetched   google (token): it lives 60 m", "Authorization", "Bearer FAKE-access" },
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task What_a_credential_sends_is_tried_and_no_secret_is_shown(string name, string said, string header, string received)
    {
        var result = await TestAsync(name, "--url", $"https://second.test/status/200/{name}?x=1");

        Assert.Equal(0, result.ExitCode);
        Assert.Contains(said, result.Stdout, StringComparison.Ordinal);
        Assert.Matches(@"result    200 in \d+ ms: ok\n", result.Stdout);
        var seen = Assert.Single(_origin.Requests.To("second.test"));
        Assert.Equal("GET", seen.Method);
        // A signature is another one each time.
        var values = header.Length == 0 ? [seen.Target.Split('&')[^1]] : seen.Values(header).ToArray();
        if (received.Length > 0) Assert.Equal([received], values);
    }

    [Theory]
    [InlineData("https://second.test/status/401/x", "result    401 in ")]
    [InlineData("https://second.test/status/403/x", "result    403 in ")]
    [InlineData("https://second.test/status/503/x", "result    503 in ")]
    public async Task A_host_that_refuses_is_told(string url, string said)
    {
        var result = await TestAsync("bearer", "--url", url, "--head");

        Assert.Equal(1, result.ExitCode);
        Assert.Contains(said, result.Stdout, StringComparison.Ordinal);
        Assert.Equal("HEAD", Assert.Single(_origin.Requests.To("second.test")).Method);
    }

    [Theory]
    [InlineData("refused", 1, "/refused answered 400 (invalid_client)")]
    [InlineData("refresh-stateless", 1, "not tried: without 'state'")]
    [InlineData("placeholder", 0, "only a workload knows where the placeholder belongs")]
    [InlineData("untrusted", 1, "result    TLS: ")]
    [InlineData("wide", 78, "--url is needed: '*.tools.test' is no host by itself")]
    [InlineData("nobody", 78, "there is no credential 'nobody'")]
    public async Task What_cannot_be_tried_is_told(string name, int exitCode, string said)
    {
        var result = await TestAsync(name);

        Assert.Equal(exitCode, result.ExitCode);
        Assert.Contains(said, result.Stdout + result.Stderr, StringComparison.Ordinal);
        Assert.Empty(_origin.Requests.To("second.test"));
    }

    [Fact]
    public async Task A_secret_goes_to_no_host_that_it_is_not_bound_to()
    {
        var result = await TestAsync("bearer", "--url", "https://origin.test/");

        Assert.Equal(78, result.ExitCode);
        Assert.Contains("origin.test:443 is none of the credential's hosts: second.test", result.Stderr, StringComparison.Ordinal);
        Assert.Empty(_origin.Requests.To("origin.test"));
    }

    [Fact]
    public async Task A_dry_run_reads_and_asks_nothing()
    {
        File.Delete(_folder.File("key"));

        var result = await TestAsync("client", "--dry-run");

        Assert.Equal(0, result.ExitCode);
        Assert.Contains($"from      secret key (file {_folder.File("key")}); a token of {_tokens.Url}token\n", result.Stdout, StringComparison.Ordinal);
        Assert.EndsWith("request   GET https://second.test:443/\n", result.Stdout, StringComparison.Ordinal);
        Assert.Empty(_tokens.Questions);
    }

    [Fact]
    public async Task They_are_listed_without_a_secret()
    {
        var result = await RunAsync("list");

        Assert.Equal(0, result.ExitCode);
        Assert.Contains("bearer\n  hosts     second.test\n  sets      Authorization: Bearer ***\n  from      secret made (program cat)\n  sessions  demo\n", result.Stdout, StringComparison.Ordinal);
        Assert.Contains("github\n  hosts     second.test\n  sets      Authorization: Bearer ***; or Authorization: Basic ***\n", result.Stdout, StringComparison.Ordinal);
        Assert.Empty(_tokens.Questions);
    }

    private Task<ToolResult> TestAsync(string name, params string[] arguments) => RunAsync(["test", name, .. arguments]);

    private async Task<ToolResult> RunAsync(params string[] arguments)
    {
        await using var program = RunningProgram.Start(Repository.Gateway, ["credentials", .. arguments, "--config", "fairlead.yaml"], ToolEnvironment.ForProduct(_folder.Folder("home")), _folder.Path);
        var result = await program.WaitAsync(Limits.Token());
        TestContext.Current.TestOutputHelper?.WriteLine(result.Stdout + result.Stderr);
        Assert.DoesNotContain("FAKE", result.Stdout + result.Stderr, StringComparison.Ordinal);
        return result;
    }
}
