using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Fairlead.EndToEnd.Harness;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Fairlead.EndToEnd.Policy;

/// <summary>docs/config.schema.json, which editors use, against what the gateway takes.</summary>
public sealed partial class ConfigSchemaTests : IDisposable
{
    /// <summary>Every key that there is, in two files since some exclude each other.</summary>
    private const string Full = """
        version: 1
        listen: https://127.0.0.1:8443/edge
        tls: { certificate: gw.pem, key: gw.key }
        ca: { directory: state/ca, permitted_names: [example.com], per_session: true }
        secrets:
          key: { from: env, name: KEY }
          pass: { from: file, path: pass }
          stored: { from: aws-secrets-manager, secret_id: prod/db, region: eu-west-1, field: password, version_stage: AWSPREVIOUS, access_key_id: FAKE, secret_access_key: { from: env, name: KEY }, session_token: { from: env, name: KEY }, endpoint: "https://vpce.example.com", ca: ca.pem, ttl: 15m, on_error: deny }
          kept: { from: vault, address: "https://vault.example.com", mount: kv, path: ci/key, field: key, namespace: team, auth: { token: { from: file, path: token } }, ca: ca.pem }
          kept-too: { from: vault, address: "https://vault.example.com", path: ci/key, field: key, auth: { kubernetes: { role: gateway, mount: k8s, jwt: jwt } }, ttl: 1h }
          made: { from: exec, command: [make, "--key"], ttl: 15m, on_error: { use_stale: 1h } }
        credentials:
          one: { use: header, set: { X-Key: "{key}" }, hosts: [api.example.com] }
          two: { use: bearer, secret: pass, hosts: ["*.example.com:8443"] }
          three: { use: basic, username: x-access-token, password: pass, hosts: [git.example.com], existing: keep, scrub: false }
          four: { use: query, set: { key: "{made}" }, hosts: [maps.example.com] }
          five: { use: placeholder, secret: made, hosts: [other.example.com], placeholder: FAKE-PLACEHOLDER-0001, swap: [header, basic, query, body] }
          six: { use: oauth2-client-credentials, token_url: "https://login.example.com/token", client_id: build, client_secret: pass, scopes: [read], audience: api, client_auth: body, token_ca: ca.pem, hosts: [orders.example.com] }
          aws: { use: aws-sigv4, access_key_id: "{key}", secret_access_key: pass, session_token: made, region: eu-west-1, service: s3, max_body: 16MiB, hosts: [s3.eu-west-1.amazonaws.com] }
          mtls: { use: client-certificate, certificate: client.pem, key: client.key, hosts: [bank.example.com] }
          hmac: { use: hmac, key: pass, key_encoding: base64, algorithm: sha512, sign: "{timestamp}{method}{target}{body}", encoding: base64, header: X-Signature, value: "v1={signature}", set: { X-Time: "{timestamp}" }, max_body: 2MiB, hosts: [exchange.example.com] }
          seven: { use: oauth2-refresh-token, token_url: "https://login.example.com/token", client_id: build, client_secret: pass, refresh_token: key, scopes: [read], client_auth: basic, state: state/refresh.json, token_ca: ca.pem, hosts: [mail.example.com] }
          eight: { use: github-app, app_id: 77, private_key: { from: file, path: app.pem }, installation_id: 42, api: "https://api.github.com", repositories: [acme/app], permissions: { contents: write }, derive: true, token_ca: ca.pem, hosts: [api.github.com, github.com] }
          nine: { use: oci-registry, username: robot, password: pass, token_url: "https://auth.example.com/token", service: registry, token_ca: ca.pem, hosts: [registry.example.com] }
          ten: { use: oci-registry, password: pass, realm_hosts: [auth.example.com], hosts: [registry2.example.com] }
          eleven: { use: google-service-account, key: { from: env, name: GOOGLE }, scopes: ["https://www.googleapis.com/auth/cloud-platform"], subject: me@example.com, token_url: "https://login.example.com/token", token_ca: ca.pem, hosts: [storage.googleapis.com] }
          twelve: { use: google-service-account, key: { from: env, name: GOOGLE }, audience: "https://run.example.com", hosts: [run.example.com], existing: keep }
          signed: { use: http-signature, key: pass, key_encoding: hex, key_id: gateway, label: sig1, components: ["@method", "@target-uri", content-digest], max_body: 2MiB, hosts: [signed.example.com] }
        host_sets: { some: [a.example.com, b.example.com] }
        policies:
          default:
            mode: enforce
            default: deny
            from: credentials
            presets: [github-read, { use: npm, registry: npm.example.com }, { use: docker-pull, registry: r.example.com, auth: a.example.com, blobs: b.example.com }]
            rules:
              - allow GET,POST api.example.com/v1/**
              - { rule: "deny * @some/**", when: { header: X-Debug, content_type: [application/json], larger_than: 10MiB, graphql: [query, mutation], json_rpc: tools/call } }
            allow_addresses: [10.20.0.0/16]
            tls: { passthrough: [pinned.example.org] }
        issuers:
          fairlead: { key: state/session.key, issuer: fairlead, audience: fairlead }
          file: { issuer: "https://o.example.com", audience: fairlead, jwks: { file: jwks.json } }
          found: { issuer: "https://p.example.com", audience: fairlead, jwks: discover, algorithms: RS256 }
          url: { issuer: "https://q.example.com", audience: fairlead, jwks: { url: "https://10.0.0.1/jwks", ca: ca.pem, token: { from: file, path: token } }, algorithms: [ES256, RS256] }
          private: { issuer: "https://r.example.com", audience: fairlead, jwks: { discover: "https://10.0.0.1", ca: ca.pem, token: { from: file, path: token } } }
        sessions:
          - { id: demo, token: { from: env, name: TOKEN }, policy: default, credentials: [one, two], limits: { tunnels: 8, requests_per_minute: 60, bytes: 1GiB, max_body: 1000000 }, capture: { bodies: true, max_body: 64KiB } }
          - { id: agents, issuer: fairlead, policy: default }
          - { id: ci, issuer: found, match: { repository: acme/web, ref: [a, "b*"], run: 7 }, lifetime: 4h, policy: default, credentials: [], limits: { tunnels: 8 } }
        revocations: state/revoked
        admin: { listen: "https://0.0.0.0:9000", tls: { certificate: gw.pem, key: gw.key }, token: { from: file, path: token } }
        audit: { file: state/audit.jsonl, guarantee: before-upstream-always, key: state/audit.key, rotate: { size: 256MiB, every: 1d }, keep: { files: 30, time: 90d, unsent: 1GiB }, sinks: [{ name: out, type: stdout }, { name: otel, type: otlp, url: "https://o.example.com/v1/logs", headers: { Authorization: { from: env, name: OTLP } }, ca: ca.pem, required: 5m }, { name: db, type: postgresql, host: db.example.com, port: 5433, database: a, user: u, password: { from: file, path: token }, ca: ca.pem, table: s.t, create_table: true }] }
        traces: { otlp: "https://collector.example.com:4318", headers: { Authorization: "Bearer {key}" }, sample: 0.1, ca: ca.pem }
        upstream:
          extra_ca: roots.pem
          resolve: { api.example.com: "127.0.0.1:9443" }
          dns_ttl: 30s
          proxies:
            - { proxy: direct, hosts: ["*.corp.example.com"] }
            - { proxy: "http://proxy.example.com:3128", hosts: ["**"], username: edge, password: { from: env, name: PASSWORD }, resolve: gateway }
        """;

    private const string Signer = """
        version: 1
        listen: http://127.0.0.1:8080
        ca:
          certificate: ca.pem
          signer: { exec: [sign, "--now"], input: digest }
          next: { certificate: next.pem, signer: { exec: [sign] }, leaves_from: "2027-01-01T00:00:00Z" }
        policies: { default: { mode: observe, default: allow } }
        sessions: [{ id: demo, token: { from: env, name: TOKEN }, policy: default }]
        audit: { file: audit.jsonl }
        """;

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task What_the_pages_and_samples_show_is_valid()
    {
        var pages = Directory.EnumerateFiles(Path.Combine(Repository.Root, "docs"), "*.md").Append(Path.Combine(Repository.Root, "README.md"));
        var samples = Directory.EnumerateFiles(Path.Combine(Repository.Root, "samples"), "*.yaml", SearchOption.AllDirectories);
        string[] shown =
        [
            .. pages.SelectMany(page => Shown().Matches(File.ReadAllText(page)).Select(m => m.Groups[1].Value)),
            .. samples.Select(File.ReadAllText).Where(text => text.StartsWith("version: 1", StringComparison.Ordinal)),
        ];

        Assert.InRange(shown.Length, 4, 100);
        Assert.All(await ValidateAsync(shown), answer => Assert.Equal("valid", answer));
    }

    [Fact]
    public async Task Every_key_is_known_to_both_and_no_other_is_to_either()
    {
        Assert.Equal(["valid", "valid"], await ValidateAsync(Full, Signer));
        foreach (var text in (string[])[Full, Signer]) Assert.Equal(0, (await CheckAsync(text)).ExitCode);
        var known = Closed().Matches(await SourcesAsync()).SelectMany(m => Literal().Matches(m.Groups[1].Value)).Select(m => m.Groups[1].Value).ToHashSet();
        var used = Key().Matches(Full + "\n" + Signer).Select(m => m.Groups[1].Value).ToHashSet();
        Assert.Subset(used, known);

        // A strange key in every mapping whose keys are not names.
        var mutants = Strange().Matches(Full).Select(m => Full.Insert(m.Index + 1, " stranger: 1,")).ToArray();
        Assert.InRange(mutants.Length, 20, 100);
        Assert.All(await ValidateAsync(mutants), answer => Assert.NotEqual("valid", answer));
        var check = await CheckAsync(Full.Replace("{ tunnels: 8, ", "{ stranger: 1, tunnels: 8, ", StringComparison.Ordinal));
        Assert.Contains("unknown key 'stranger'", check.Stderr, StringComparison.Ordinal);
    }

    /// <summary>What is changed in a good file so that neither takes it.</summary>
    public static TheoryData<string, string> Broken => new()
    {
        { "version: 1", "version: 2" },
        { "listen: https://127.0.0.1:8443/edge", "listen: ftp://127.0.0.1:8443" },
        { "listen: https://127.0.0.1:8443/edge\n", "" },
        { "audit: { file:", "audits: { file:" },
        { "rotate: { size: 256MiB", "rotate: { size: 256MB" },
        { "keep: { files: 30, time: 90d, ", "keep: { " },
        { "type: stdout", "type: syslog" },
        { "table: s.t", "table: \"s;t\"" },
        { "guarantee: before-upstream-always", "guarantee: always" },
        { "dns_ttl: 30s", "dns_ttl: 30" },
        { "existing: keep", "existing: kept" },
        { "scrub: false", "scrub: never" },
        { "placeholder: FAKE-PLACEHOLDER-0001", "placeholder: short" },
        { "use_stale: 1h", "use_stale: 1" },
        { "directory: state/ca, ", "" },
        { "per_session: true", "per_session: often" },
        { "{ from: env, name: KEY }", "{ from: safe, name: KEY }" },
        { "{ from: env, name: KEY }", "{ from: env, path: KEY }" },
        { "{ from: env, name: KEY }", "FAKE-key" },
        { "use: header, set", "use: headers, set" },
        { "auth: { token: { from: file, path: token } }", "auth: {}" },
        { "permissions: { contents: write }", "permissions: { contents: all }" },
        { "repositories: [acme/app]", "repositories: [app]" },
        { "realm_hosts: [auth.example.com], ", "" },
        { "audience: \"https://run.example.com\", ", "" },
        { "use: bearer, secret: pass, hosts: [\"*", "use: bearer, set: { X: y }, hosts: [\"*" },
        { "hosts: [api.example.com] }", "hosts: [] }" },
        { "hosts: [api.example.com] }", "hosts: api.example.com }" },
        { "algorithm: sha512", "algorithm: md5" },
        { "header: X-Signature, ", "" },
        { "region: eu-west-1, service: s3", "region: eu/west, service: s3" },
        { "certificate: client.pem, ", "" },
        { "secret_id: prod/db, ", "" },
        { "mode: enforce", "mode: enforced" },
        { "default: deny", "default: no" },
        { "from: credentials", "from: everywhere" },
        { "[github-read, ", "[github-reed, " },
        { "{ use: npm, registry: npm.example.com }", "{ use: npm }" },
        { "{ use: npm, registry: npm.example.com }", "{ use: npm, registry: npm.example.com, mirror: x }" },
        { "- allow GET,POST api.example.com/v1/**", "- permit GET,POST api.example.com/v1/**" },
        { "- allow GET,POST api.example.com/v1/**", "- allow api.example.com/v1/**" },
        { "larger_than: 10MiB", "larger_than: 10MB" },
        { "graphql: [query, mutation]", "graphql: [query, mutant]" },
        { "allow_addresses: [10.20.0.0/16]", "allow_addresses: 10.20.0.0/16" },
        { "jwks: discover, algorithms: RS256", "jwks: discover, algorithms: HS256" },
        { "url: \"https://10.0.0.1/jwks\"", "url: \"http://10.0.0.1/jwks\"" },
        { "audience: fairlead, jwks: discover", "jwks: discover" },
        { "id: demo", "id: \"de:mo\"" },
        { "id: demo, token: { from: env, name: TOKEN }", "id: demo" },
        { "tunnels: 8, requests", "tunnels: 0, requests" },
        { "bytes: 1GiB", "bytes: 1GB" },
        { "lifetime: 4h", "lifetime: 4" },
        { "policy: default, credentials: [one, two]", "credentials: [one, two]" },
        { "proxy: \"http://proxy.example.com:3128\"", "proxy: \"https://proxy.example.com:3128\"" },
        { "resolve: gateway", "resolve: both" },
        { "sessions:\n", "sessions: []\nsession:\n" },
    };

    [Fact]
    public async Task What_is_broken_is_invalid_and_does_not_load()
    {
        var broken = Broken.Select(row => (Good: row.Data.Item1, Bad: row.Data.Item2)).ToArray();
        Assert.All(broken, b => Assert.Contains(b.Good, Full, StringComparison.Ordinal));
        string[] texts = [.. broken.Select(b => Full.Replace(b.Good, b.Bad, StringComparison.Ordinal))];

        var answers = await ValidateAsync(texts);

        for (var i = 0; i < texts.Length; i++)
        {
            Assert.True(answers[i] != "valid", $"the schema takes {broken[i]}");
            Assert.True((await CheckAsync(texts[i])).ExitCode == 78, $"the gateway takes {broken[i]}");
        }
    }

    private async Task<string[]> ValidateAsync(params string[] texts)
    {
        await using var validator = RunningProgram.Start("node", [Repository.Script("validate-config.mjs"), Path.Combine(Repository.Root, "docs", "config.schema.json")], ToolEnvironment.Clean(_folder.Path), _folder.Path);
        await validator.Stdin.WriteAsync(Encoding.UTF8.GetBytes(string.Concat(texts.Select(t => ToJson(t).ToJsonString() + "\n"))), Limits.Token());
        validator.Stdin.Close();
        var answers = (await validator.WaitAsync(Limits.Token())).Succeeded().Stdout.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(texts.Length, answers.Length);
        return answers;
    }

    private async Task<ToolResult> CheckAsync(string text)
    {
        _folder.Write("fairlead.yaml", text);
        await using var program = RunningProgram.Start(Repository.Gateway, ["policy", "check", "fairlead.yaml"], ToolEnvironment.ForProduct(_folder.Folder("home")), _folder.Path);
        return await program.WaitAsync(Limits.Token());
    }

    private static async Task<string> SourcesAsync()
    {
        var text = new StringBuilder();
        foreach (var file in Directory.EnumerateFiles(Path.Combine(Repository.Root, "src", "Fairlead.Gateway", "Configuration"), "*.cs")) text.AppendLine(await File.ReadAllTextAsync(file, Limits.Token()));
        return text.ToString();
    }

    // YAML's core schema (1.2.2 §10.3.2), as far as configurations use it.
    private static JsonNode ToJson(string text)
    {
        var stream = new YamlStream();
        stream.Load(new StringReader(text));
        return ToJson(stream.Documents[0].RootNode)!;
    }

    private static JsonNode? ToJson(YamlNode node) => node switch
    {
        YamlMappingNode mapping => new JsonObject(mapping.Children.Select(c => KeyValuePair.Create(((YamlScalarNode)c.Key).Value!, ToJson(c.Value)))),
        YamlSequenceNode sequence => new JsonArray([.. sequence.Children.Select(ToJson)]),
        YamlScalarNode { Style: ScalarStyle.Plain, Value: "true" or "false" } flag => flag.Value == "true",
        YamlScalarNode { Style: ScalarStyle.Plain } number when long.TryParse(number.Value, NumberStyles.None, CultureInfo.InvariantCulture, out var value) => value,
        YamlScalarNode { Style: ScalarStyle.Plain } number when double.TryParse(number.Value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var value) => value,
        YamlScalarNode scalar => scalar.Value,
        _ => null,
    };

    [GeneratedRegex("```yaml\n(version: 1\n.*?)```", RegexOptions.Singleline)]
    private static partial Regex Shown();

    [GeneratedRegex(@"(?:Closed\(|OfDirectory = \[|OfSigner = \[|OfAll = \[|new\(""[a-z0-9-]+"", \[)([^)\]]*)[)\]]")]
    private static partial Regex Closed();

    [GeneratedRegex("\"([a-z_]+)\"")]
    private static partial Regex Literal();

    [GeneratedRegex(@"([a-z_]+):(?= |\n)")]
    private static partial Regex Key();

    // Mappings on one line, but for those whose keys are names: set, headers, match, host_sets, resolve, permissions.
    [GeneratedRegex(@"(?<!set: |headers: |match: |host_sets: |resolve: |permissions: )\{(?= [a-z])")]
    private static partial Regex Strange();
}
