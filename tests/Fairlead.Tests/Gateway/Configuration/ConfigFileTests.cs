using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using Fairlead.Gateway.Configuration;
using Fairlead.Gateway.Policy;
using Fairlead.Gateway.Sessions;
using Fairlead.Wire;

namespace Fairlead.Tests.Gateway.Configuration;

public sealed class ConfigFileTests : IDisposable
{
    private const string Good = """
        version: 1
        listen: http://127.0.0.1:8080
        ca: { directory: state/ca }
        secrets:
          key: { from: env, name: FAIRLEAD_TEST_KEY }
          pass: { from: file, path: pass.txt }
        credentials:
          datadog: { use: header, set: { DD-API-KEY: "{key}" }, hosts: [api.test, "*.eu.test"] }
          github: { use: bearer, secret: pass, hosts: [git.test] }
        policies:
          default:
            rules:
              - allow GET,POST api.test/v1/**
          loose: { mode: observe, default: allow, rules: [] }
        sessions:
          - { id: one, token: { from: env, name: FAIRLEAD_TEST_TOKEN }, policy: default, credentials: [datadog, github] }
          - { id: two, token: { from: file, path: token.txt }, policy: loose }
        audit: { file: state/audit.jsonl }
        upstream:
          extra_ca: roots.pem
          resolve: { API.test.: "127.0.0.1:9443", "[2001:db8::1]": "[::1]:9443", bare.test: 127.0.0.1 }
        """;

    private readonly TempFolder _folder = new();

    public ConfigFileTests()
    {
        Environment.SetEnvironmentVariable("FAIRLEAD_TEST_KEY", "FAKE-key");
        Environment.SetEnvironmentVariable("FAIRLEAD_TEST_TOKEN", "FAKE-token-1");
        Environment.SetEnvironmentVariable("FAIRLEAD_TEST_EMPTY", "");
        Environment.SetEnvironmentVariable("FAIRLEAD_TEST_SPLIT", "FAKE\r\nX: 1");
        Environment.SetEnvironmentVariable("FAIRLEAD_TEST_NOT_SET", null);
        _folder.Write("pass.txt", "FAKE-pass\n");
        _folder.Write("token.txt", "FAKE-token-2");
        _folder.Write("app.pem", Credentials.TokenPeer.PrivatePem);
        foreach (var (file, url) in (ReadOnlySpan<(string, string)>)[("google.json", "https://oauth2.googleapis.com/token"), ("elsewhere.json", "https://evil.test/token")])
            _folder.Write(file, JsonSerializer.Serialize(new { type = "service_account", client_email = "robot@p.test", private_key = Credentials.TokenPeer.PrivatePem, token_uri = url }));
        using var ca = new OriginCa();
        _folder.Write("roots.pem", ca.Root.ExportCertificatePem());
        using var client = ca.Issue("client", usage: OriginCa.ClientAuth);
        using var key = client.GetECDsaPrivateKey()!;
        _folder.Write("client.pem", client.ExportCertificatePem());
        foreach (var (name, mode) in new[] { ("client.key", UnixFileMode.UserRead | UnixFileMode.UserWrite), ("open.key", UnixFileMode.UserRead | UnixFileMode.OtherRead) })
            File.SetUnixFileMode(_folder.Write(name, key.ExportPkcs8PrivateKeyPem()), mode);
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_good_file_says_it_all()
    {
        var options = Load(Good);

        Assert.Equal(new IPEndPoint(IPAddress.Loopback, 8080), options.Listen.EndPoint);
        Assert.False(options.Listen.IsHttps);
        Assert.Equal((_folder["state/ca"], _folder["state/audit.jsonl"]), (options.Ca.Directory, options.Audit.File));
        Assert.Equal(["one", "two"], options.Sessions.Select(s => s.Id));
        Assert.Equal(SessionRegistry.HashOf("FAKE-token-2"), options.Sessions[1].TokenHash);
        Assert.Equal(["default", "loose"], options.Sessions.Select(s => s.Policy.Name));
        Assert.Equal([PolicyMode.Enforce, PolicyMode.Observe], options.Sessions.Select(s => s.Policy.Mode));
        Assert.Equal("DD-API-KEY=FAKE-key", HeadersOf(options, "api.test"));
        Assert.Equal("DD-API-KEY=FAKE-key", HeadersOf(options, "a.eu.test"));
        Assert.Equal("Authorization=Bearer FAKE-pass", HeadersOf(options, "git.test"));
        Assert.Equal("", HeadersOf(options, "other.test"));
        Assert.Equal(["FAIRLEAD_TEST_KEY", "FAIRLEAD_TEST_TOKEN"], options.SecretVariables);
        Assert.Equal(["secrets.pass: the value ended in a line break, which was trimmed"], options.Warnings);
        Assert.Single(options.Upstream.ExtraRoots);
        Assert.Equal(
            ["2001:db8::1=[::1]:9443", "api.test=127.0.0.1:9443", "bare.test=127.0.0.1:0"],
            options.Upstream.Resolve.Select(r => $"{r.Key}={r.Value}").Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_secret_that_is_too_short_to_be_found_in_answers_is_warned_about()
    {
        _folder.Write("pass.txt", "FAKE-67");

        Assert.Equal(["credentials.github: the secret 'pass' is shorter than 8 characters, so an answer that repeats it is not recognised; make it longer, or write 'scrub: false'"], Load(Good).Warnings);
        Assert.Empty(Load(Good.Replace("secret: pass", "secret: pass, scrub: false", StringComparison.Ordinal)).Warnings);
    }

    [Theory]
    [InlineData("http://127.0.0.1:8080/edge/", "127.0.0.1:8080", "/edge")]
    [InlineData("http://localhost:1234", "127.0.0.1:1234", "")]
    [InlineData("http://0.0.0.0:0", "0.0.0.0:0", "")]
    [InlineData("http://[::1]:8080/a/b", "[::1]:8080", "/a/b")]
    public void A_listen_address_is_read(string listen, string endPoint, string prefix)
    {
        var options = Load(Good.Replace("http://127.0.0.1:8080", $"\"{listen}\"", StringComparison.Ordinal)).Listen;

        Assert.Equal((endPoint, prefix), (options.EndPoint.ToString(), options.PathPrefix));
    }

    /// <summary>What is changed in the good file, where the error is, and what it says.</summary>
    public static TheoryData<string, string, string, string> Broken => new()
    {
        { "version: 1", "version: 2", "1:10", "version: expected version 1, got '2'" },
        { "version: 1\n", "", "1:1", "the file: 'version' is missing" },
        { "version: 1", "version: [1]", "1:10", "version: expected a text, got a list" },
        { "version: 1", "version: 1\nversion: 1", "2:1", "this is not YAML: " },
        { "version: 1", "version: 1\nverison: 1", "2:1", "verison: unknown key 'verison'; did you mean 'version'?" },
        { "audit: {", "audits: {", "18:1", "audits: unknown key 'audits'; did you mean 'audit'?" },
        { "audit: {", "audits: {", "1:1", "the file: 'audit' is missing" },
        { "listen: http://127.0.0.1:8080", "listen: 127.0.0.1:8080", "2:9", "listen: expected http://ADDRESS:PORT[/prefix] or https://…, got '127.0.0.1:8080'" },
        { "listen: http://127.0.0.1:8080", "listen: ftp://127.0.0.1:8080", "2:9", "listen: expected http://ADDRESS:PORT[/prefix]" },
        { "listen: http://127.0.0.1:8080", "listen: http://127.0.0.1:99999", "2:9", "listen: expected http://ADDRESS:PORT[/prefix]" },
        { "listen: http://127.0.0.1:8080", "listen: http://u:p@127.0.0.1:80", "2:9", "listen: expected http://ADDRESS:PORT[/prefix]" },
        { "listen: http://127.0.0.1:8080", "listen: http://127.0.0.1:80/?x", "2:9", "listen: expected http://ADDRESS:PORT[/prefix]" },
        { "listen: http://127.0.0.1:8080", "listen: http://gateway.test:80", "2:9", "listen: expected the address of an interface, such as 127.0.0.1 or 0.0.0.0, got 'gateway.test'" },
        { "listen: http://127.0.0.1:8080", "listen: https://127.0.0.1:8080", "2:9", "listen: https needs 'tls: { certificate: FILE, key: FILE }'" },
        { "listen: http://127.0.0.1:8080", "listen: http://127.0.0.1:80\ntls: { certificate: pass.txt, key: pass.txt }", "3:6", "tls: 'tls' is for https, but 'listen' says http" },
        { "listen: http://127.0.0.1:8080", "listen: https://127.0.0.1:80\ntls: { certificate: none.pem, key: pass.txt }", "3:21", "tls.certificate: the file " },
        { "listen: http://127.0.0.1:8080", "listen: https://127.0.0.1:80\ntls: { certificate: pass.txt }", "3:6", "tls: 'key' is missing" },
        { "listen: http://127.0.0.1:8080", "listen:", "2:8", "listen: expected a text, got nothing" },
        { "listen: http://127.0.0.1:8080", "listen: ~", "2:9", "listen: expected a text, got nothing" },
        { "ca: { directory: state/ca }", "ca: state/ca", "3:5", "ca: expected a mapping (key: value), got a text" },
        { "ca: { directory: state/ca }", "ca: { directry: state/ca }", "3:7", "ca.directry: unknown key 'directry'; did you mean 'directory'?" },
        { "ca: { directory: state/ca }", "ca: { directory: \"a\\0b\" }", "3:18", "ca.directory: expected a path, got 'a\\u0000b'" },
        { "from: env, name: FAIRLEAD_TEST_KEY", "from: environment, name: FAIRLEAD_TEST_KEY", "5:16", "secrets.key.from: expected env or file or exec or vault or aws-secrets-manager, got 'environment'; did you mean " },
        { "name: FAIRLEAD_TEST_KEY", "path: pass.txt", "5:27", "secrets.key.path: 'path' is for 'from: file'" },
        { "name: FAIRLEAD_TEST_KEY", "name: FAIRLEAD_TEST_NOT_SET", "5:8", "secrets.key: the environment variable FAIRLEAD_TEST_NOT_SET is not set" },
        { "name: FAIRLEAD_TEST_KEY", "name: FAIRLEAD_TEST_EMPTY", "5:8", "secrets.key: " },
        { "name: FAIRLEAD_TEST_KEY", "name: FAIRLEAD_TEST_SPLIT", "5:8", "secrets.key: the value cannot be used: character 5 of 10 is not visible ASCII" },
        { "key: { from: env, name: FAIRLEAD_TEST_KEY }", "key: FAKE-literal-secret", "5:8", "secrets.key: expected a mapping (key: value), got a text" },
        { "path: pass.txt", "path: none.txt", "6:9", "secrets.pass: the file " },
        { "path: pass.txt", "path: .", "6:9", "secrets.pass: the file " },
        { "path: pass.txt", "path: pass.txt, name: X", "6:45", "secrets.pass.name: 'name' is for 'from: env'" },
        { "use: header", "use: haeder", "8:19", "credentials.datadog.use: expected header or bearer or basic or query or placeholder or oauth2-client-credentials or oauth2-refresh-token or github-app or oci-registry or google-service-account or aws-sigv4 or client-certificate or hmac or http-signature, got 'haeder'; did you mean 'header'?" },
        { "\"{key}\"", "\"{kye}\"", "8:46", "credentials.datadog.set.DD-API-KEY: there is no secret 'kye'" },
        { "\"{key}\"", "\"literal\"", "8:46", "credentials.datadog.set.DD-API-KEY: the template of 'DD-API-KEY' names no secret" },
        { "DD-API-KEY:", "Host:", "8:40", "credentials.datadog.set.Host: 'Host' frames or describes the message" },
        { "DD-API-KEY:", "DD API KEY:", "8:46", "credentials.datadog.set.DD API KEY: 'DD API KEY' is not the name of a header" },
        { "DD-API-KEY: \"{key}\"", "DD-API-KEY: \"{key}\", dd-api-key: \"{pass}\"", "8:67", "credentials.datadog.set.dd-api-key: the header 'dd-api-key' is set twice" },
        { "set: { DD-API-KEY: \"{key}\" }", "set: {}", "8:32", "credentials.datadog.set: it names no header, so the credential would add nothing" },
        { "set: { DD-API-KEY: \"{key}\" }", "secret: key", "8:35", "credentials.datadog.secret: 'secret' is for 'use: bearer'" },
        { "secret: pass", "set: {}", "9:31", "credentials.github.set: 'set' is for 'use: header'" },
        { "use: bearer, secret: pass", "use: basic, username: u, password: pass", "", "" },
        { "use: bearer, secret: pass", "use: basic, username: '{key}', password: pass", "", "" },
        { "use: bearer, secret: pass", "use: basic, username: 'a:b', password: pass", "9:35", "credentials.github.username: a ':' would end the user's name" },
        { "use: bearer, secret: pass", "use: basic, username: u, password: pas", "9:48", "credentials.github.password: there is no secret 'pas'; did you mean 'pass'?" },
        { "use: bearer, secret: pass", "use: basic, username: u, secret: pass", "9:46", "'secret' is for 'use: bearer' or 'use: placeholder'" },
        { "use: bearer, secret: pass", "use: query, set: { api_key: '{pass}' }", "", "" },
        { "use: bearer, secret: pass", "use: query, set: { 'api key': '{pass}' }", "9:43", "'api key' is not the name of a parameter" },
        { "use: bearer, secret: pass", "use: query, set: { k: '{pass}', K: '{key}' }", "9:48", "the parameter 'K' is set twice" },
        { "use: bearer, secret: pass", "use: query, set: { k: '{pass}' }, existing: keep", "9:57", "'existing' is for 'use: header'" },
        { "secret: pass", "secret: pass, existing: never", "9:50", "expected replace or keep or refuse-unless-placeholder, got 'never'" },
        { "secret: pass", "secret: pass, scrub: false", "", "" },
        { "secret: pass", "secret: pass, scrub: no", "9:47", "expected true or false, got 'no'" },
        { "secret: pass", "secret: pass, existing: refuse-unless-placeholder", "9:50", "it needs a 'placeholder'" },
        { "secret: pass", "secret: pass, existing: refuse-unless-placeholder, placeholder: sk-placeholder-0001", "", "" },
        { "secret: pass", "secret: pass, placeholder: too-short", "9:53", "expected at least 16 characters, got 9" },
        { "secret: pass", "secret: pass, swap: [body]", "9:46", "'swap' says where a 'placeholder' is swapped; there is none" },
        { "secret: pass", "secret: pass, placeholder: sk-placeholder-0001, swap: [path]", "9:81", "expected header or basic or query or body, got 'path'" },
        { "secret: pass", "secret: pass, placeholder: sk-placeholder-0001, swap: []", "9:80", "it names no place: header, basic, query or body" },
        { "use: bearer, secret: pass", "use: placeholder, secret: pass", "9:11", "'placeholder' is missing" },
        { "use: bearer, secret: pass", "use: placeholder, secret: pass, placeholder: sk-placeholder-0001", "", "" },
        { "use: bearer, secret: pass", "use: header, set: { A: '{pass}', B: '{key}' }, placeholder: sk-placeholder-0001", "9:73", "the credential has several secrets, and a placeholder stands for one" },
        { "from: env, name: FAIRLEAD_TEST_KEY", "from: exec, command: [sh, -c, 'echo FAKE-key'], ttl: 1m, on_error: { use_stale: 1h }", "", "" },
        { "from: env, name: FAIRLEAD_TEST_KEY", "from: exec, command: [sh, -c, 'exit 3']", "5:8", "secrets.key: sh ended with 3" },
        { "from: env, name: FAIRLEAD_TEST_KEY", "from: exec, command: [sh, -c, 'echo got; test -z $FAIRLEAD_TEST_TOKEN']", "", "" },
        { "from: env, name: FAIRLEAD_TEST_KEY", "from: exec, command: []", "5:31", "it names no program" },
        { "from: env, name: FAIRLEAD_TEST_KEY", "from: exec, command: [true], ttl: soon", "5:44", "expected a time such as 90s, 15m, 4h or 7d" },
        { "from: env, name: FAIRLEAD_TEST_KEY", "from: exec, command: [true], on_error: use_stale", "5:49", "expected deny or { use_stale: TIME }, got 'use_stale'" },
        { "from: env, name: FAIRLEAD_TEST_TOKEN }", "from: exec, command: [true] }", "16:31", "expected env or file, got 'exec'" },
        { "use: bearer, secret: pass", "use: oauth2-client-credentials, token_url: 'https://login.test/token', client_id: c, client_secret: pass, scopes: [a], audience: b, client_auth: body, token_ca: roots.pem", "", "" },
        { "use: bearer, secret: pass", "use: oauth2-client-credentials, token_url: 'http://login.test/token', client_id: c, client_secret: pass", "9:56", "expected an https URL without user and fragment" },
        { "use: bearer, secret: pass", "use: oauth2-client-credentials, token_url: 'https://login.test/token', client_id: c, client_secret: pass, scopes: ['a b']", "9:128", "expected a scope of visible ASCII" },
        { "use: bearer, secret: pass", "use: oauth2-client-credentials, token_url: 'https://login.test/token', client_id: c, client_secret: pass, token_ca: none.pem", "9:129", "none.pem does not exist" },
        { "use: bearer, secret: pass", "use: aws-sigv4, access_key_id: FAKE, secret_access_key: pass, session_token: key, region: eu-west-1, service: s3, max_body: 16MiB", "", "" },
        { "use: bearer, secret: pass", "use: aws-sigv4, access_key_id: '{key}', secret_access_key: pass", "", "" },
        { "use: bearer, secret: pass", "use: aws-sigv4, access_key_id: '{kye}', secret_access_key: pass", "9:44", "credentials.github.access_key_id: there is no secret 'kye'" },
        { "use: bearer, secret: pass", "use: aws-sigv4, access_key_id: FAKE", "9:11", "'secret_access_key' is missing" },
        { "use: bearer, secret: pass", "use: aws-sigv4, access_key_id: FAKE, secret_access_key: pass, region: 'a/b'", "9:83", "expected letters, digits, '-' and '_', got 'a/b'" },
        { "use: bearer, secret: pass", "use: aws-sigv4, access_key_id: FAKE, secret_access_key: pass, max_body: 1GiB", "9:85", "expected 1 to 67108864 bytes: a body is held in memory to be signed" },
        { "use: bearer, secret: pass", "use: aws-sigv4, access_key_id: FAKE, secret_access_key: pass, placeholder: sk-placeholder-0001", "9:88", "the secret of 'use: aws-sigv4' never leaves the gateway" },
        { "use: bearer, secret: pass", "use: aws-sigv4, access_key_id: FAKE, secret_access_key: pass, existing: keep", "9:85", "'existing' is for" },
        { "use: bearer, secret: pass", "use: client-certificate, certificate: client.pem, key: client.key", "", "" },
        { "use: bearer, secret: pass", "use: client-certificate, certificate: client.pem, key: open.key", "9:68", "credentials.github.key: expected mode 0600 on " },
        { "use: bearer, secret: pass", "use: client-certificate, certificate: roots.pem, key: client.key", "9:67", "credentials.github.key: expected a certificate in " },
        { "use: bearer, secret: pass", "use: client-certificate, certificate: none.pem, key: client.key", "9:51", "none.pem does not exist" },
        { "use: bearer, secret: pass", "use: hmac, key: pass, key_encoding: text, algorithm: sha1, sign: \"{method}\\n{header:Date}\", encoding: base64, header: X-Sign, value: 'v={signature}', set: { X-Time: '{timestamp}' }, max_body: 1MiB", "", "" },
        { "use: bearer, secret: pass", "use: hmac, key: pass, sign: '{methot}', header: X-Sign", "9:41", "credentials.github.sign: there is no part 'methot'; there are method, path," },
        { "use: bearer, secret: pass", "use: hmac, key: pass, sign: '{method', header: X-Sign", "9:41", "credentials.github.sign: it has '{' without '}'" },
        { "use: bearer, secret: pass", "use: hmac, key: pass, sign: '{body}', header: Host", "9:59", "credentials.github.header: 'Host' frames or describes the message" },
        { "use: bearer, secret: pass", "use: hmac, key: pass, sign: '{body}', header: X-Sign, value: '{timestamp}'", "9:74", "credentials.github.value: it has no {signature}" },
        { "use: bearer, secret: pass", "use: hmac, key: pass, sign: '{body}', header: X-Sign, set: { X-Body: '{body}' }", "9:82", "the value of a header can hold neither a line feed nor {body}" },
        { "use: bearer, secret: pass", "use: hmac, key: pass, key_encoding: hex, sign: '{body}', header: X-Sign", "9:29", "credentials.github.key: the key is not in hexadecimal" },
        { "from: env, name: FAIRLEAD_TEST_KEY", "from: aws-secrets-manager, region: eu-west-1", "5:8", "'secret_id' is missing" },
        { "from: env, name: FAIRLEAD_TEST_KEY", "from: aws-secrets-manager, secret_id: a, region: 'eu/west'", "5:59", "expected a region such as eu-central-1" },
        { "from: env, name: FAIRLEAD_TEST_KEY", "from: aws-secrets-manager, secret_id: a, region: eu-west-1, access_key_id: FAKE", "5:8", "'secret_access_key' is missing" },
        { "from: env, name: FAIRLEAD_TEST_KEY", "from: aws-secrets-manager, secret_id: a, region: eu-west-1, access_key_id: FAKE, secret_access_key: { from: env, name: FAIRLEAD_TEST_TOKEN }, endpoint: 'http://a.test'", "5:162", "expected an https URL" },
        { "use: bearer, secret: pass", "use: oauth2-refresh-token, token_url: 'https://login.test/token', client_id: c, refresh_token: pass, state: refresh.json", "", "" },
        { "use: bearer, secret: pass", "use: oauth2-refresh-token, token_url: 'https://login.test/token', client_id: c", "9:11", "'refresh_token' is missing" },
        { "use: bearer, secret: pass", "use: oauth2-refresh-token, token_url: 'https://login.test/token', client_id: c, refresh_token: pass, state: none/x", "9:121", "none/x does not exist" },
        { "use: bearer, secret: pass", "use: github-app, app_id: 1, installation_id: 2, private_key: { from: file, path: app.pem }, repositories: [acme/app], permissions: { contents: write }, derive: false", "", "" },
        { "use: bearer, secret: pass", "use: github-app, app_id: 1, installation_id: 2, private_key: { from: file, path: pass.txt }", "9:74", "expected an RSA private key in PEM, not encrypted" },
        { "use: bearer, secret: pass", "use: github-app, app_id: 1, installation_id: two, private_key: { from: file, path: app.pem }", "9:58", "expected a number, got 'two'" },
        { "use: bearer, secret: pass", "use: github-app, app_id: 1, installation_id: 2, private_key: { from: file, path: app.pem }, repositories: [app]", "9:120", "expected OWNER/NAME, got 'app'" },
        { "use: bearer, secret: pass", "use: github-app, app_id: 1, installation_id: 2, private_key: { from: file, path: app.pem }, permissions: { contents: all }", "9:130", "expected read or write or admin, got 'all'" },
        { "use: bearer, secret: pass", "use: oci-registry, password: pass, token_url: 'https://auth.test/token', service: r", "", "" },
        { "use: bearer, secret: pass", "use: oci-registry, username: robot, password: pass, realm_hosts: [auth.test]", "", "" },
        { "use: bearer, secret: pass", "use: oci-registry, password: pass", "9:18", "it needs one of 'token_url', where the realm is, and 'realm_hosts'" },
        { "use: bearer, secret: pass", "use: oci-registry, password: pass, realm_hosts: ['**']", "9:62", "the realm must be on named hosts" },
        { "use: bearer, secret: pass, hosts: [git.test]", "use: oci-registry, password: pass, realm_hosts: [auth.test], hosts: ['*.test']", "9:82", "a realm is learned from a registry with a name of its own" },
        { "use: bearer, secret: pass", "use: oci-registry, password: pass, realm_hosts: [auth.test], service: r", "9:83", "'service' stands beside 'token_url'" },
        { "use: bearer, secret: pass", "use: google-service-account, scopes: [a], key: { from: file, path: google.json }", "", "" },
        { "use: bearer, secret: pass", "use: google-service-account, audience: b, key: { from: file, path: google.json }, subject: c, token_url: 'https://oauth2.googleapis.com/token'", "", "" },
        { "use: bearer, secret: pass", "use: google-service-account, key: { from: file, path: google.json }", "9:18", "it needs one of 'scopes', for access tokens, and 'audience', for ID tokens" },
        { "use: bearer, secret: pass", "use: google-service-account, scopes: [a], key: { from: file, path: elsewhere.json }", "9:60", "its token_uri is https://evil.test/token; if that is right, write the same at 'token_url'" },
        { "use: bearer, secret: pass", "use: google-service-account, scopes: [a], token_url: 'https://evil.test/token', key: { from: file, path: elsewhere.json }", "", "" },
        { "use: bearer, secret: pass", "use: google-service-account, scopes: [a], key: { from: file, path: pass.txt }", "9:60", "expected the key of a service account in JSON" },
        { "from: env, name: FAIRLEAD_TEST_KEY", "from: vault, address: 'https://127.0.0.1:1', path: ci/key, field: key, auth: { token: { from: file, path: pass.txt } }", "5:8", "secrets.key: https://127.0.0.1:1/v1/secret/data/ci/key gave no answer: " },
        { "from: env, name: FAIRLEAD_TEST_KEY", "from: vault, address: 'https://127.0.0.1:1', path: ci/../key, field: key, auth: { token: { from: file, path: pass.txt } }", "5:61", "expected a path such as kv or ci/deploy, got 'ci/../key'" },
        { "from: env, name: FAIRLEAD_TEST_KEY", "from: vault, address: 'https://127.0.0.1:1', path: key, field: key, auth: {}", "5:84", "expected one of 'token' and 'kubernetes'" },
        { "from: env, name: FAIRLEAD_TEST_KEY", "from: vault, address: 'http://127.0.0.1:1', path: key, field: key, auth: { kubernetes: { role: r } }", "5:32", "expected an https URL without user and fragment" },
        { "use: bearer, secret: pass", "use: http-signature, key: pass, key_id: me, label: a1, components: ['@method', content-digest, x-a], max_body: 2MiB", "", "" },
        { "use: bearer, secret: pass", "use: http-signature, key: pass, key_id: 'a\"b'", "9:53", "expected visible ASCII without" },
        { "use: bearer, secret: pass", "use: http-signature, key: pass, key_id: a, label: A", "9:63", "expected a lower-case letter, then such letters" },
        { "use: bearer, secret: pass", "use: http-signature, key: pass, key_id: a, components: []", "9:68", "it names no component, so nothing would be signed" },
        { "use: bearer, secret: pass", "use: http-signature, key: pass, key_id: a, components: [date, date]", "9:68", "it names a component twice" },
        { "use: bearer, secret: pass", "use: http-signature, key: pass, key_id: a, components: ['@status']", "9:69", "expected the name of a header in lower case or @method" },
        { "use: bearer, secret: pass", "use: http-signature, key: pass, key_id: a, components: [content-length]", "9:69", "'content-length' is written when the request is sent" },
        { "secret: pass", "secret: pas", "9:34", "credentials.github.secret: there is no secret 'pas'" },
        { "[git.test]", "[]", "9:11", "credentials.github: 'hosts' names no host, so the credential could never be used" },
        { "[git.test]", "git.test", "9:47", "credentials.github.hosts: expected a list, got a text" },
        { "[git.test]", "[\"**\"]", "9:48", "credentials.github.hosts[0]: a credential must be bound to named hosts; '**' would send it anywhere" },
        { "[git.test]", "[\"**:8443\"]", "9:48", "a credential must be bound to named hosts" },
        { "[git.test]", "[git.*.test]", "9:48", "credentials.github.hosts[0]: 'git.*.test': a '*' stands for the first labels only" },
        { "[git.test]", "[\"https://git.test\"]", "9:48", "credentials.github.hosts[0]: " },
        { "[git.test]", "[0x7f.1]", "9:48", "credentials.github.hosts[0]: '0x7f.1': expected an IPv4 address as four decimal numbers" },
        { "secret: pass, hosts: [git.test]", "secret: pass, hosts: [api.test]", "", "" },
        { "use: bearer, secret: pass, hosts: [git.test]", "use: header, set: { dd-api-key: \"{pass}\" }, hosts: [\"**.test\"]", "16:105", "sessions[0].credentials[1]: 'github' and 'datadog' both set dd-api-key for the same host" },
        { "allow GET,POST api.test/v1/**", "allow get api.test", "13:9", "policies.default.rules[0]: expected '*' or methods" },
        { "allow GET,POST api.test/v1/**", "api.test", "13:9", "policies.default.rules[0]: expected 'allow|deny METHODS host[:port][/path]', got 'api.test'" },
        { "allow GET,POST api.test/v1/**", "{ allow: api.test }", "13:9", "policies.default.rules[0]: 'rule' is missing" },
        { "mode: observe", "mode: audit", "14:18", "policies.loose.mode: expected enforce or observe or open, got 'audit'" },
        { "default: allow", "default: yes", "14:36", "policies.loose.default: expected deny or allow, got 'yes'" },
        { "rules: []", "rule: []", "14:43", "policies.loose.rule: unknown key 'rule'; did you mean 'rules'?" },
        { "rules: []", "rules: allow", "14:50", "policies.loose.rules: expected a list, got a text" },
        { "policy: default", "policy: defualt", "16:73", "sessions[0].policy: there is no policy 'defualt'; did you mean 'default'?" },
        { "[datadog, github]", "[datadgo]", "16:96", "sessions[0].credentials[0]: there is no credential 'datadgo'; did you mean 'datadog'?" },
        { "[datadog, github]", "[datadog, datadog]", "16:105", "both set DD-API-KEY" },
        { "id: two", "id: two, capture: true", "17:25", "sessions[1].capture: expected a mapping (key: value), got a text" },
        { "id: two", "id: two, capture: { bodies: sometimes }", "17:35", "sessions[1].capture.bodies: expected true or false, got 'sometimes'" },
        { "id: two", "id: two, capture: { bodies: true, max_body: 1GiB }", "17:51", "sessions[1].capture.max_body: expected 1 to 1024KiB" },
        { "id: two", "id: two, capture: { bodies: false, max_body: 1KiB }", "17:52", "sessions[1].capture.max_body: 'max_body' is for 'bodies: true'" },
        { "id: two", "id: one", "17:11", "sessions[1].id: there are two sessions 'one'" },
        { "id: two", "id: \"t:wo\"", "17:11", "sessions[1].id: expected visible ASCII without ':' and '#', got 't:wo'" },
        { "id: two", "id: \"\"", "17:11", "sessions[1].id: expected a text, got nothing" },
        { "id: two, ", "", "17:5", "sessions[1]: 'id' is missing" },
        { "{ from: file, path: token.txt }", "{ from: env, name: FAIRLEAD_TEST_TOKEN }", "17:23", "sessions[1].token: another session has the same token, so a caller could not be told apart" },
        { "{ from: file, path: token.txt }", "FAKE-token-2", "17:23", "sessions[1].token: expected a mapping (key: value), got a text" },
        { "{ from: file, path: token.txt }", "{ from: file, path: none.txt }", "17:23", "sessions[1].token: the file " },
        { "audit: { file: state/audit.jsonl }", "audit: {}", "18:8", "audit: 'file' is missing" },
        { "audit: { file: state/audit.jsonl }", "audit: { file: state/audit.jsonl, guarantee: always }", "18:46", "audit.guarantee: expected before-upstream or before-upstream-always or best-effort, got 'always'" },
        { "audit: { file: state/audit.jsonl }", "audit: { file: state/audit.jsonl, key: [] }", "18:40", "audit.key: expected a text, got a list" },
        { "audit: { file: state/audit.jsonl }", "audit: { file: state/audit.jsonl, rotate: {} }", "18:43", "audit.rotate: expected 'size', 'every' or both" },
        { "audit: { file: state/audit.jsonl }", "audit: { file: state/audit.jsonl, rotate: { size: 4KiB } }", "18:51", "audit.rotate.size: expected 16KiB or more" },
        { "audit: { file: state/audit.jsonl }", "audit: { file: state/audit.jsonl, rotate: { daily: true } }", "18:45", "audit.rotate.daily: unknown key 'daily'" },
        { "audit: { file: state/audit.jsonl }", "audit: { file: state/audit.jsonl, rotate: { every: 1d }, keep: { files: 0 } }", "18:73", "audit.keep.files: expected a number of 1 or more, got '0'" },
        { "audit: { file: state/audit.jsonl }", "audit: { file: state/audit.jsonl, rotate: { every: 1d }, keep: { unsent: 1GiB } }", "18:64", "audit.keep: expected 'files', 'time' or both" },
        { "audit: { file: state/audit.jsonl }", "audit: { file: state/audit.jsonl, keep: { files: 3 } }", "18:41", "audit.keep: only closed files are deleted, and without 'rotate' none is ever closed" },
        { "audit: { file: state/audit.jsonl }", "audit: { file: state/audit.jsonl, sinks: [{ type: stdout }] }", "18:43", "audit.sinks[0]: 'name' is missing" },
        { "audit: { file: state/audit.jsonl }", "audit: { file: state/audit.jsonl, sinks: [{ name: a }] }", "18:43", "audit.sinks[0]: 'type' is missing" },
        { "audit: { file: state/audit.jsonl }", "audit: { file: state/audit.jsonl, sinks: [{ name: a, type: kafka }] }", "18:60", "audit.sinks[0].type: expected stdout or otlp or postgresql, got 'kafka'" },
        { "audit: { file: state/audit.jsonl }", "audit: { file: state/audit.jsonl, sinks: [{ name: a/b, type: stdout }] }", "18:51", "audit.sinks[0].name: expected letters, digits, '-' and '_', got 'a/b'" },
        { "audit: { file: state/audit.jsonl }", "audit: { file: state/audit.jsonl, sinks: [{ name: a, type: stdout }, { name: a, type: stdout }] }", "18:70", "audit.sinks[1]: there are two sinks 'a'" },
        { "audit: { file: state/audit.jsonl }", "audit: { file: state/audit.jsonl, sinks: [{ name: a, type: otlp, url: \"http://otel.example.com\" }] }", "18:71", "the records would cross the network in clear" },
        { "audit: { file: state/audit.jsonl }", "audit: { file: state/audit.jsonl, sinks: [{ name: a, type: otlp, url: otel }] }", "18:71", "expected a URL such as https://otel.example.com/v1/logs, got 'otel'" },
        { "audit: { file: state/audit.jsonl }", "audit: { file: state/audit.jsonl, sinks: [{ name: a, type: otlp, url: \"https://o.test\", headers: { \"a b\": { from: env, name: X } } }] }", "18:107", "expected the name of a header, got 'a b'" },
        { "audit: { file: state/audit.jsonl }", "audit: { file: state/audit.jsonl, sinks: [{ name: a, type: postgresql, host: \"a,b\", database: d, user: u }] }", "18:78", "audit.sinks[0].host: " },
        { "audit: { file: state/audit.jsonl }", "audit: { file: state/audit.jsonl, sinks: [{ name: a, type: postgresql, host: h, database: d, user: u, table: \"t; x\" }] }", "18:110", "expected a table such as fairlead_audit or audit.records" },
        { "audit: { file: state/audit.jsonl }", "audit: { file: state/audit.jsonl, sinks: [{ name: a, type: postgresql, host: h, database: d, user: u, password: FAKE }] }", "18:113", "expected a mapping (key: value), got a text" },
        { "audit: { file: state/audit.jsonl }", "audit: { file: state/audit.jsonl, fsync: true }", "18:35", "audit.fsync: unknown key 'fsync'" },
        { "audit: { file: state/audit.jsonl }", "audit: { file: state/audit.jsonl }\ntraces: { otlp: 'https://collector.test:4318', sample: 0.25 }", "", "" },
        { "audit: { file: state/audit.jsonl }", "audit: { file: state/audit.jsonl }\ntraces: { otlp: 'http://127.0.0.1:4318', headers: { Authorization: 'Bearer {key}' }, ca: roots.pem }", "", "" },
        { "audit: { file: state/audit.jsonl }", "audit: { file: state/audit.jsonl }\ntraces: {}", "19:9", "traces: 'otlp' is missing" },
        { "audit: { file: state/audit.jsonl }", "audit: { file: state/audit.jsonl }\ntraces: { otlp: 'collector:4318' }", "19:17", "traces.otlp: expected the URL of a collector" },
        { "audit: { file: state/audit.jsonl }", "audit: { file: state/audit.jsonl }\ntraces: { otlp: 'https://collector.test/?key=FAKE' }", "19:17", "traces.otlp: expected the URL of a collector" },
        { "audit: { file: state/audit.jsonl }", "audit: { file: state/audit.jsonl }\ntraces: { otlp: 'http://collector.test', headers: { Authorization: 'Bearer {key}' } }", "19:51", "traces.headers: a secret would cross the network in clear" },
        { "audit: { file: state/audit.jsonl }", "audit: { file: state/audit.jsonl }\ntraces: { otlp: 'https://collector.test', headers: { Authorization: abc } }", "19:69", "names no secret" },
        { "audit: { file: state/audit.jsonl }", "audit: { file: state/audit.jsonl }\ntraces: { otlp: 'https://collector.test', sample: 10% }", "19:51", "traces.sample: expected a share from 0 to 1, such as 0.1, got '10%'" },
        { "audit: { file: state/audit.jsonl }", "audit: { file: state/audit.jsonl }\ntraces: { otlp: 'https://collector.test', sample: 1.5 }", "19:51", "got '1.5'" },
        { "extra_ca: roots.pem", "extra_ca: none.pem", "20:13", "upstream.extra_ca: the file " },
        { "extra_ca: roots.pem", "extra_ca: pass.txt", "20:13", "holds no certificate in PEM" },
        { "extra_ca: roots.pem", "insecure: true", "20:3", "upstream.insecure: unknown key 'insecure'" },
        { "bare.test: 127.0.0.1", "bare.test: localhost", "21:85", "upstream.resolve.bare.test: expected address or address:port, such as 127.0.0.1:9443, got 'localhost'" },
        { "bare.test: 127.0.0.1", "bare.test: 9443", "21:85", "upstream.resolve.bare.test: expected address or address:port, such as 127.0.0.1:9443, got '9443'" },
        { "bare.test: 127.0.0.1", "bare.test: 127.1", "21:85", "upstream.resolve.bare.test: expected address or address:port" },
        { "bare.test: 127.0.0.1", "\"*.test\": 127.0.0.1", "21:84", "upstream.resolve.*.test: expected letters, digits" },
        { "bare.test: 127.0.0.1", "api.TEST: 127.0.0.1", "21:84", "upstream.resolve.api.TEST: 'api.test' is there twice" },
    };

    /// <summary>What <c>ca</c> is in place of the good one, where the error is, and what it says.</summary>
    public static TheoryData<string, string, string> BrokenCa => new()
    {
        { "{ directory: x, permitted_names: [] }", "3:38", "ca.permitted_names: it names nothing, so the CA could sign nothing" },
        { "{ directory: x, permitted_names: a.test }", "3:38", "ca.permitted_names: expected a list, got a text" },
        { "{ directory: x, permitted_names: [a.test, \"*.b.test\"] }", "3:47", "ca.permitted_names[1]: expected a name, which stands for all below it too, such as example.com, or an address or network, such as 192.0.2.0/24; got '*.b.test'" },
        { "{ directory: x, per_session: yes }", "3:34", "ca.per_session: expected true or false, got 'yes'" },
        { "{ directory: x, certificate: pass.txt }", "3:34", "ca.certificate: 'certificate' is for a CA whose key is with a 'signer'" },
        { "{ directory: x, next: {} }", "3:27", "ca.next: 'next' is for a CA whose key is with a 'signer'" },
        { "{ per_session: true }", "3:5", "ca: 'directory' is missing" },
        { "{ signer: { exec: [true] } }", "3:5", "ca: 'certificate' is missing" },
        { "{ directory: x, certificate: pass.txt, signer: { exec: [true] } }", "3:18", "ca.directory: 'directory' is for a CA whose key is in the directory" },
        { "{ per_session: true, certificate: pass.txt, signer: { exec: [true] } }", "3:20", "ca.per_session: 'per_session' is for a CA whose key is in the directory" },
        { "{ certificate: none.pem, signer: { exec: [true] } }", "3:20", "ca.certificate: the file " },
        { "{ certificate: pass.txt, signer: { exec: [] } }", "3:46", "ca.signer.exec: it names no program" },
        { "{ certificate: pass.txt, signer: { exec: sign } }", "3:46", "ca.signer.exec: expected a list, got a text" },
        { "{ certificate: pass.txt, signer: { exec: [./nowhere] } }", "3:47", "ca.signer.exec[0]: the file " },
        { "{ certificate: pass.txt, signer: { exec: [sign], input: hash } }", "3:61", "ca.signer.input: expected message or digest, got 'hash'" },
        { "{ certificate: pass.txt, signer: { command: [sign] } }", "3:40", "ca.signer.command: unknown key 'command'" },
        { "{ certificate: pass.txt, signer: { exec: [sign] }, next: { certificate: pass.txt, signer: { exec: [sign] } } }", "3:62", "ca.next: 'leaves_from' is missing" },
        { "{ certificate: pass.txt, signer: { exec: [sign] }, next: { certificate: pass.txt, signer: { exec: [sign] }, leaves_from: soon } }", "3:126", "ca.next.leaves_from: expected a moment such as 2027-01-31T08:00:00Z, got 'soon'" },
    };

    [Theory]
    [MemberData(nameof(BrokenCa), DisableDiscoveryEnumeration = true)]
    public void A_ca_that_cannot_be_is_refused_with_place_and_reason(string ca, string place, string said)
    {
        var message = Refusal(Good.Replace("{ directory: state/ca }", ca, StringComparison.Ordinal));

        Assert.True(message.Split('\n').Any(line => line.StartsWith($"{_folder["fairlead.yaml"]}:{place}: ", StringComparison.Ordinal) && line.Contains(said, StringComparison.Ordinal)), message);
    }

    [Fact]
    public void A_ca_may_be_for_some_names_or_for_each_session_or_with_a_signer()
    {
        var directory = Load(Good.Replace("{ directory: state/ca }", "{ directory: x, permitted_names: [B.test., a.test, 192.0.2.0/24], per_session: true }", StringComparison.Ordinal)).Ca;
        _folder.Write("sign.sh", "");
        var signer = Load(Good.Replace(
            "{ directory: state/ca }",
            "{ certificate: roots.pem, signer: { exec: [./sign.sh, a], input: digest }, next: { certificate: pass.txt, signer: { exec: [openssl] }, leaves_from: \"2027-01-31T09:00:00+01:00\" } }",
            StringComparison.Ordinal)).Ca;

        Assert.Equal((_folder["x"], "a.test, b.test, fairlead.test, 192.0.2.0/24", true), (directory.Directory, directory.Permitted!.Text, directory.PerSession));
        Assert.Equal([_folder["roots.pem"], _folder["pass.txt"]], signer.Held.Select(h => h.CertificateFile));
        Assert.Equal([_folder["sign.sh"], "a"], signer.Held[0].Command);
        Assert.Equal([true, false], signer.Held.Select(h => h.WantsDigest));
        Assert.Equal([DateTimeOffset.MinValue, new DateTimeOffset(2027, 1, 31, 8, 0, 0, TimeSpan.Zero)], signer.Held.Select(h => h.LeavesFrom));
        Assert.Equal(["FAIRLEAD_TEST_KEY", "FAIRLEAD_TEST_TOKEN"], signer.Held[0].HiddenVariables);
        Assert.False(signer.IsSameAs(directory));
        Assert.True(signer.IsSameAs(signer with { }));
    }

    [Theory]
    [MemberData(nameof(Broken), DisableDiscoveryEnumeration = true)]
    [InlineData("policies:\n", "host_sets: { m: [] }\npolicies:\n", "10:17", "the set names no host")]
    [InlineData("policies:\n", "host_sets: { \"m m\": [a.test] }\npolicies:\n", "10:21", "the name of a host set")]
    [InlineData("policies:\n", "host_sets: { m: [a b] }\npolicies:\n", "10:18", "'a b': ")]
    [InlineData("api.test/v1/**\n", "@mirrors/v1/**\n", "13:9", "there is no host set '@mirrors'; host_sets defines none")]
    [InlineData("allow GET,POST api.test/v1/**", "{ rule: allow GET api.test, when: {} }", "13:43", "it names no condition")]
    [InlineData("allow GET,POST api.test/v1/**", "{ rule: allow GET api.test, when: { grapql: query } }", "13:45", "did you mean 'graphql'?")]
    [InlineData("allow GET,POST api.test/v1/**", "{ rule: allow GET api.test, when: { graphql: [query, delete] } }", "13:54", "expected query, mutation, subscription, got 'delete'")]
    [InlineData("allow GET,POST api.test/v1/**", "{ rule: allow GET api.test, when: { json_rpc: [] } }", "13:55", "the list is empty")]
    [InlineData("allow GET,POST api.test/v1/**", "{ rule: allow GET api.test, when: { content_type: json } }", "13:59", "expected a media type such as application/json, got 'json'")]
    [InlineData("allow GET,POST api.test/v1/**", "{ rule: allow GET api.test, when: { larger_than: 1MB } }", "13:58", "expected a number of bytes such as 500000, 64KiB or 10MiB, got '1MB'")]
    [InlineData("allow GET,POST api.test/v1/**", "{ rule: allow GET api.test, when: { larger_than: 9999999999GiB } }", "13:58", "expected a number of bytes")]
    [InlineData("allow GET,POST api.test/v1/**", "{ rule: allow GET api.test }", "13:9", "'when' is missing")]
    [InlineData("allow GET,POST api.test/v1/**", "{ rule: permit GET api.test, when: { header: X } }", "13:17", "expected 'allow' or 'deny'")]
    [InlineData("allow GET,POST api.test/v1/**", "{ rule: deny * api.test, when: { header: 'X-Debug: 1' } }", "13:50", "expected the name of a header alone, got 'X-Debug: 1'")]
    [InlineData("allow GET,POST api.test/v1/**", "{ rule: deny * api.test, when: { content_type: application/* } }", "13:56", "expected a media type")]
    [InlineData("allow GET,POST api.test/v1/**", "{ rule: deny * api.test, when: { json_rpc: 'a, b' } }", "13:52", "expected a method such as tools/call")]
    [InlineData("    rules:\n", "    presets: [{ use: npm, registry: '{x}' }]\n    rules:\n", "12:37", "expected a host")]
    [InlineData("    rules:\n", "    presets: [{ use: pypi, index: '**' }]\n    rules:\n", "12:35", "expected a host")]
    [InlineData("    rules:\n", "    presets: [npn]\n    rules:\n", "12:15", "there is no preset 'npn'; did you mean 'npm'?")]
    [InlineData("    rules:\n", "    presets: [npm]\n    rules:\n", "12:15", "the preset 'npm' needs the host of its registry: { use: npm, registry: HOST }")]
    [InlineData("    rules:\n", "    presets: [{ use: npm, registri: a.test }]\n    rules:\n", "12:27", "did you mean 'registry'?")]
    [InlineData("    rules:\n", "    presets: [{ registry: a.test }]\n    rules:\n", "12:15", "'use' is missing")]
    [InlineData("    rules:\n", "    presets: [{ use: npm, registry: 'a b' }]\n    rules:\n", "12:37", "expected a host")]
    [InlineData("  default:\n", "  default:\n    from: nowhere\n", "12:11", "expected credentials, got 'nowhere'")]
    [InlineData("  default:\n", "  default:\n    allow_addresses: [10.20.0.1/16]\n", "12:23", "policies.default.allow_addresses[0]: '10.20.0.1/16' has bits behind its prefix: is 10.20.0.0/16 meant, or the address 10.20.0.1 alone?")]
    [InlineData("  default:\n", "  default:\n    allow_addresses: [0.0.0.0/0]\n", "12:23", "expected a prefix of 8 to 32 bits, got '0.0.0.0/0'")]
    [InlineData("  default:\n", "  default:\n    allow_addresses: [fc00::/7]\n", "12:23", "expected a prefix of 16 to 128 bits, got 'fc00::/7'")]
    [InlineData("  default:\n", "  default:\n    allow_addresses: [169.254.0.0/16]\n", "12:23", "'169.254.0.0/16' is link-local, where cloud metadata is: name the one address that is meant")]
    [InlineData("  default:\n", "  default:\n    allow_addresses: [224.0.0.0/8]\n", "12:23", "'224.0.0.0/8' is multicast, and nothing opens that")]
    [InlineData("  default:\n", "  default:\n    allow_addresses: [9.9.9.9]\n", "12:23", "'9.9.9.9' is public, and needs no exception")]
    [InlineData("  default:\n", "  default:\n    allow_addresses: 10.0.0.0/8\n", "12:22", "policies.default.allow_addresses: expected a list, got a text")]
    [InlineData("  default:\n", "  default:\n    allow_adresses: [10.0.0.0/8]\n", "12:5", "did you mean 'allow_addresses'?")]
    [InlineData("  default:\n", "  default:\n    tls: { passtrough: [a.test] }\n", "12:12", "did you mean 'passthrough'?")]
    [InlineData("  default:\n", "  default:\n    tls: {}\n", "12:10", "'passthrough' is missing")]
    [InlineData("  default:\n", "  default:\n    tls: { passthrough: ['**'] }\n", "12:26", "name the hosts; '**' would leave nothing to look into")]
    [InlineData("  default:\n", "  default:\n    tls: { passthrough: [git.test] }\n", "17:105", "sessions[0].credentials[1]: 'github' is bound to a host that policy 'default' passes through (git.test): nothing can be added inside TLS that is not opened")]
    [InlineData("  default:\n", "  default:\n    tls: { passthrough: [a.eu.test] }\n", "17:96", "'datadog' is bound to a host that policy 'default' passes through (a.eu.test)")]
    [InlineData("  default:\n", "  default:\n    tls: { passthrough: ['**.test'] }\n", "17:96", "'datadog' is bound to a host that policy 'default' passes through (**.test)")]
    [InlineData("  default:\n", "  default:\n    tls: { passthrough: ['git.test:8443'] }\n", "", "")]
    [InlineData("extra_ca: roots.pem", "extra_ca: roots.pem\n  proxies: [{ proxy: https://p.test:3128, hosts: ['**'] }]", "21:22", "upstream.proxies[0].proxy: expected http://HOST:PORT or direct, got 'https://p.test:3128'")]
    [InlineData("extra_ca: roots.pem", "extra_ca: roots.pem\n  dns_ttl: 5", "21:12", "upstream.dns_ttl: expected none, or a time of 10m at most such as 5s, got '5'")]
    [InlineData("extra_ca: roots.pem", "extra_ca: roots.pem\n  dns_ttl: 1h", "21:12", "upstream.dns_ttl: expected none, or a time of 10m at most such as 5s, got '1h'")]
    [InlineData("extra_ca: roots.pem", "extra_ca: roots.pem\n  dns_ttl: none", "", "")]
    [InlineData("extra_ca: roots.pem", "extra_ca: roots.pem\n  proxies: [{ proxy: p.test, hosts: ['**'] }]", "21:22", "expected http://HOST:PORT or direct, got 'p.test'")]
    [InlineData("extra_ca: roots.pem", "extra_ca: roots.pem\n  proxies: [{ proxy: http://u:FAKE@p.test:1, hosts: ['**'] }]", "21:22", "expected http://HOST:PORT or direct; credentials go under 'username' and 'password'")]
    [InlineData("extra_ca: roots.pem", "extra_ca: roots.pem\n  proxies: [{ proxy: http://p.test:1, hosts: [] }]", "21:46", "it names no host, so the entry would never be used")]
    [InlineData("extra_ca: roots.pem", "extra_ca: roots.pem\n  proxies: [{ proxy: http://p.test:1 }]", "21:13", "'hosts' is missing")]
    [InlineData("extra_ca: roots.pem", "extra_ca: roots.pem\n  proxies: [{ proxy: http://p.test:1, hosts: ['**'], username: u }]", "21:13", "'password' is missing: a proxy wants both or neither")]
    [InlineData("extra_ca: roots.pem", "extra_ca: roots.pem\n  proxies: [{ proxy: http://p.test:1, hosts: ['**'], username: 'a:b', password: { from: file, path: pass.txt } }]", "21:64", "expected visible ASCII without ':', got 'a:b'")]
    [InlineData("extra_ca: roots.pem", "extra_ca: roots.pem\n  proxies: [{ proxy: http://p.test:1, hosts: ['**'], username: u, password: FAKE }]", "21:77", "expected a mapping (key: value), got a text")]
    [InlineData("extra_ca: roots.pem", "extra_ca: roots.pem\n  proxies: [{ proxy: http://p.test:1, hosts: ['**'], resolve: here }]", "21:63", "expected proxy or gateway, got 'here'")]
    [InlineData("extra_ca: roots.pem", "extra_ca: roots.pem\n  proxies: [{ proxy: direct, hosts: ['**'], resolve: gateway }]", "21:13", "'resolve' is for a proxy; 'proxy: direct' has none")]
    public void A_broken_file_is_refused_with_place_and_reason(string good, string broken, string place, string said)
    {
        Assert.Contains(good, Good, StringComparison.Ordinal);
        var text = Good.Replace(good, broken, StringComparison.Ordinal);
        if (said.Length == 0)
        {
            Load(text); // the neighbour of a broken one, which is good
            return;
        }

        var message = Refusal(text);

        Assert.True(message.Split('\n').Any(line => line.StartsWith($"{_folder["fairlead.yaml"]}:{place}: ", StringComparison.Ordinal) && line.Contains(said, StringComparison.Ordinal)), message);
        Assert.DoesNotContain("FAKE", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "the file is empty")]
    [InlineData("# nothing\n", "the file is empty")]
    [InlineData("- a\n", ":1:1: : expected a mapping")]
    [InlineData("text\n", "expected a mapping")]
    [InlineData("version: 1\n---\nversion: 1\n", ":3:1: expected one YAML document, got 2")]
    [InlineData("version: 1\n\tlisten: x\n", ":1:10: this is not YAML")]
    [InlineData("version: [1\n", "this is not YAML")]
    [InlineData("version: 1\nlisten:\0 x\n", ":2:8: expected no control characters, got \\u0000")]
    [InlineData("version: 1\n\u001b", ":2:1: expected no control characters, got \\u001b")]
    [InlineData("version: 1\nca: !Some.Type { directory: x }\n", ":2:5: expected no tag, got '!Some.Type'")]
    [InlineData("version: *nobody\n", "this is not YAML")]
    [InlineData("{? [a] : b}\n", "expected a text as key, got a list")]
    [InlineData("\0", ":1:1: expected no control characters")]
    public void What_is_no_configuration_at_all_is_refused(string text, string said) => Assert.Contains(said, Refusal(text), StringComparison.Ordinal);

    [Fact]
    public void A_policy_from_credentials_allows_the_hosts_of_the_sessions_own_credentials_only()
    {
        var options = Load(Good.Replace("  default:\n", "  default:\n    from: credentials\n", StringComparison.Ordinal).Replace("credentials: [datadog, github]", "credentials: [github]", StringComparison.Ordinal));

        Assert.Equal("from: credentials (github)", Told("DELETE", "git.test:443"));
        Assert.Equal("default: deny", Told("DELETE", "x.eu.test:443"));
        Assert.Equal("allow GET,POST api.test/v1/**", Told("GET", "api.test:443"));

        string Told(string method, string destination)
        {
            Assert.True(HostPort.TryParse(destination, out var host, out _));
            return options.Sessions[0].Policy.Decide(new RequestFacts(method, host, "/v1/x")).Rule;
        }
    }

    [Fact]
    public void What_a_policy_reaches_and_passes_through_is_read()
    {
        var options = Load(Good.Replace("  default:\n", "  default:\n    allow_addresses: [10.20.0.0/16, 'fd00:1::/32', 10.0.0.7]\n    tls: { passthrough: [pinned.test, '*.pinned.test'] }\n", StringComparison.Ordinal));

        var policy = options.Sessions[0].Policy;
        Assert.Equal("10.20.0.0/16 fd00:1::/32 10.0.0.7/32", policy.Addresses.ToString());
        Assert.Equal(["pinned.test", "*.pinned.test"], policy.Passthrough.Select(h => h.Text));
        Assert.Contains(options.Warnings, w => w.StartsWith("policies.default.tls.passthrough: where a policy allows everything of these hosts, their TLS is not opened", StringComparison.Ordinal));
    }

    [Fact]
    public void Proxies_are_read_in_their_order()
    {
        var options = Load(Good.Replace("extra_ca: roots.pem", """
            extra_ca: roots.pem
              proxies:
                - { proxy: direct, hosts: ["*.corp.test"] }
                - { proxy: "http://proxy.corp.test:3128/", hosts: ["**", "**:8443"], username: edge, password: { from: file, path: pass.txt }, resolve: gateway }
            """, StringComparison.Ordinal));

        var (direct, proxy) = (options.Upstream.Proxies[0], options.Upstream.Proxies[1]);
        Assert.Null(direct.Address);
        Assert.Equal(("proxy.corp.test:3128", "edge", "FAKE-pass", true), (proxy.Address?.ToString(), proxy.User, proxy.Password?.Reveal(), proxy.ResolvesHere));
        Assert.Equal(["**", "**:8443"], proxy.Hosts.Select(h => h.Text));
        Assert.Empty(options.NeedRestart(options));
        Assert.Equal(["upstream"], options.NeedRestart(Load(Good)));
    }

    [Fact]
    public void Presets_stand_behind_the_rules_of_the_file()
    {
        var options = Load(Good.Replace("    rules:\n", "    presets: [github-read, { use: npm, registry: npm.test }]\n    rules:\n", StringComparison.Ordinal));

        Assert.True(HostPort.TryParse("npm.test:443", out var host, out _));
        Assert.Equal("allow GET,HEAD npm.test/** (preset npm)", options.Sessions[0].Policy.Decide(new RequestFacts("GET", host, "/x")).Rule);
    }

    [Fact]
    public void Rules_use_named_sets_of_hosts()
    {
        var options = Load(Good.Replace("policies:\n", "host_sets: { mirrors: [one.test, '*.two.test:8443'] }\npolicies:\n", StringComparison.Ordinal).Replace("api.test/v1/**\n", "@mirrors/v1/**\n", StringComparison.Ordinal));

        Assert.True(HostPort.TryParse("a.two.test:8443", out var host, out _));
        Assert.Equal("allow GET,POST @mirrors/v1/**", options.Sessions[0].Policy.Decide(new RequestFacts("GET", host, "/v1")).Rule);
    }

    [Fact]
    public void Every_error_is_listed_in_the_order_of_the_file()
    {
        var message = Refusal(Good.Replace("version: 1", "version: 3", StringComparison.Ordinal).Replace("use: bearer", "use: baerer", StringComparison.Ordinal).Replace("id: two", "id: one", StringComparison.Ordinal));

        Assert.Equal(["1", "9", "17"], message.Split('\n').Select(l => l[(_folder["fairlead.yaml"].Length + 1)..].Split(':')[0]));
    }

    [Fact]
    public void A_file_that_is_not_there_is_told()
    {
        Assert.Contains("cannot be read", Assert.Throws<ConfigException>(() => ConfigFile.Load(_folder["none.yaml"], null)).Message, StringComparison.Ordinal);
        Assert.Contains("cannot be read", Assert.Throws<ConfigException>(() => ConfigFile.Load(_folder.Root, null)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_nested_too_deeply_is_refused_before_it_overflows_a_stack() =>
        Assert.Contains("at most 32 levels", Refusal(new string('[', 200_000)), StringComparison.Ordinal);

    [Fact]
    public void A_huge_file_is_refused() => Assert.Contains("at most 4194304 bytes", Refusal(new string('#', 5_000_000)), StringComparison.Ordinal);

    [Fact]
    public void No_cut_of_a_good_file_crashes() => Seeded.Check(300, random =>
    {
        var text = new StringBuilder(Good);
        for (var i = random.Next(1, 4); i > 0; i--)
        {
            var at = random.Next(text.Length - 10);
            if (random.Next(2) == 0) text.Remove(at, random.Next(1, 10));
            else text.Insert(at, random.Pick("{", "}", "[", "]", ":", "\n", " ", "\"", "\\0", "*", "&a", "?", "-", "!!int ", "|", "~", "#", ",", "%", "\u00e9"));
        }

        try
        {
            Load(text.ToString());
        }
        catch (ConfigException)
        {
            // Refused in words: what it should do.
        }
    });

    [Fact]
    public void A_local_gateway_serves_one_session_with_the_callers_token()
    {
        Environment.SetEnvironmentVariable("FAIRLEAD_TEST_LOCAL", null);
        var text = Good.Replace("FAIRLEAD_TEST_TOKEN", "FAIRLEAD_TEST_LOCAL", StringComparison.Ordinal);

        var first = Load(text, new LocalSession(null, "FAKE-callers"));
        var second = Load(text, new LocalSession("two", "FAKE-callers"));

        Assert.Equal("one", Assert.Single(first.Sessions).Id);
        Assert.Equal("two", Assert.Single(second.Sessions).Id);
        Assert.Equal(SessionRegistry.HashOf("FAKE-callers"), second.Sessions[0].TokenHash);
        Assert.Equal(new IPEndPoint(IPAddress.Loopback, 0), first.Listen.EndPoint);
        Assert.Equal(["FAIRLEAD_TEST_KEY", "FAIRLEAD_TEST_LOCAL"], second.SecretVariables);
    }

    [Fact]
    public void A_local_gateway_needs_a_session_that_is_there() => Assert.Contains(
        "sessions: there is no session 'three'", Assert.Throws<ConfigException>(() => Load(Good, new LocalSession("three", "FAKE-callers"))).Message, StringComparison.Ordinal);

    private static string HeadersOf(GatewayOptions options, string host)
    {
        Assert.True(HostPort.TryCreate(host, 443, out var destination, out _));
        return string.Join(' ', options.Sessions[0].Credentials.For(destination).SelectMany(c => c.Headers).Select(h => $"{h.Name}={h.Reveal()}"));
    }

    [Fact]
    public void A_rule_about_the_self_test_host_loads_and_is_told_to_have_no_effect()
    {
        var options = Load(Good.Replace("- allow GET,POST api.test/v1/**", "- deny * fairlead.test/**", StringComparison.Ordinal));

        Assert.Contains("policies.default.rules[0]: a rule about fairlead.test has no effect: the gateway answers that host itself, for every session", options.Warnings);
    }

    private GatewayOptions Load(string text, LocalSession? local = null) => ConfigFile.Load(_folder.Write("fairlead.yaml", text), local);

    private string Refusal(string text) => Assert.Throws<ConfigException>(() => Load(text)).Message;
}
