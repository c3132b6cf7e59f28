using System.Net;
using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Ca;

/// <summary>A CA that may sign for some names only, or that one session only trusts; and a CA whose key is elsewhere.</summary>
public sealed class NarrowCaTests
{
    [Fact]
    public async Task Outside_its_names_the_gateway_signs_nothing_and_clients_refuse_what_a_thief_signs()
    {
        await using var site = await Site.StartAsync(new SiteOptions { Ca = "{ directory: ./state/ca, permitted_names: [origin.test, datadoghq.com] }" });
        (await site.RunAsync("curl", "-sSf", "https://origin.test/status/200/in")).Succeeded();
        (await site.RunAsync("curl", "-sSf", "https://api.datadoghq.com/status/200/below")).Succeeded();
        (await site.RunAsync("curl", "-sSf", "https://fairlead.test/")).Succeeded();

        var outside = await site.RunAsync("curl", "-sS", "https://api.github.com/status/200/out");
        var text = (await site.RunAsync("openssl", "x509", "-in", site.Folder.File("state/ca/ca.pem"), "-noout", "-ext", "nameConstraints")).Succeeded().Stdout;
        var stolen = await site.RunAsync("sh", "-c", ThiefScript, "sh", site.Folder.File("state/ca"), site.Relay.Variables["SSL_CERT_FILE"]);

        Assert.Equal(35, outside.ExitCode);
        var record = Assert.Single(await site.Audit.WaitForAsync(1, r => (string?)r["outcome"] == "tls_failed", Limits.Token()));
        Assert.Equal("the gateway's CA may not sign for api.github.com.", (string?)record["detail"]);
        Assert.Contains("X509v3 Name Constraints: critical", text, StringComparison.Ordinal);
        Assert.Contains("permitted subtree violation", stolen.Stdout + stolen.Stderr, StringComparison.Ordinal);
        Assert.Equal(60, stolen.ExitCode); // curl: the certificate is not trusted
    }

    // Signs a leaf for api.github.com with the CA's own key, serves it, and asks for it.
    private const string ThiefScript = """
        set -e
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout leaf.key -subj /CN=api.github.com -out leaf.csr 2>/dev/null
        printf 'subjectAltName=DNS:api.github.com\nextendedKeyUsage=serverAuth\n' > leaf.ext
        openssl x509 -req -in leaf.csr -CA "$1/ca.pem" -CAkey "$1/ca.key" -CAcreateserial -CAserial serial -days 1 -extfile leaf.ext -out leaf.pem 2>/dev/null
        openssl verify -CAfile "$1/ca.pem" leaf.pem || true
        openssl s_server -accept 127.0.0.1:0 -cert leaf.pem -key leaf.key -www > said 2>&1 & server=$!
        trap 'kill $server' EXIT
        while ! port=$(sed -n 's/^ACCEPT 127.0.0.1:\([0-9]*\).*/\1/p' said) || [ -z "$port" ]; do sleep 0.05; done
        curl -sS --noproxy '*' --cacert "$2" --resolve "api.github.com:$port:127.0.0.1" "https://api.github.com:$port/"
        """;

    [Fact]
    public async Task With_a_CA_for_each_session_one_refuses_what_is_signed_for_another_and_a_restart_changes_nothing()
    {
        await using var site = await Site.StartAsync(new SiteOptions { Ca = "{ directory: ./state/ca, per_session: true }" });
        var other = await site.StartRelayAsync("other");

        var own = await site.RunAsync("curl", "-sSf", "https://origin.test/status/200/own");
        var theirs = await site.RunAsync(other, "curl", "-sSf", "https://origin.test/status/200/theirs");
        var crossed = await site.RunAsync("curl", "-sS", "--cacert", other.Variables["SSL_CERT_FILE"], "https://origin.test/status/200/crossed");
        var judged = await site.RunAsync("openssl", "s_client", "-proxy", site.Relay.Proxy.Authority, "-connect", "origin.test:443", "-servername", "origin.test", "-verify_return_error", "-CAfile", other.Variables["SSL_CERT_FILE"]);
        var unknown = await Assert.ThrowsAsync<HttpRequestException>(() => CaEndpoint.ReadAsync(site.Gateway));
        var before = await CaEndpoint.ReadAsync(site.Gateway, TestSecrets.Token);
        await using (var restarted = await GatewayProcess.StartAsync(site.Folder.Write("again.yaml", File.ReadAllText(site.Folder.File("fairlead.yaml")).Replace("audit.jsonl", "again.jsonl", StringComparison.Ordinal)), site.Folder, "", Limits.Token()))
            Assert.Equal(before, await CaEndpoint.ReadAsync(restarted, TestSecrets.Token));
        var doctor = await RunCommand.RunAsync(site, site.RunEnvironment(), "--", Repository.Relay, "doctor", "--json");
        // A session that is taken out leaves no key behind.
        Assert.Equal(2, Keys().Length);
        var config = site.Folder.File("fairlead.yaml");
        var without = File.ReadAllLines(config).Where(line => !line.Contains("id: other", StringComparison.Ordinal));
        File.Move(site.Folder.Write("fairlead.yaml.new", string.Join('\n', without)), config, overwrite: true);
        for (var limit = Limits.Token(); Keys().Length > 1;) await Task.Delay(Limits.Poll, limit);
        (await site.RunAsync("curl", "-sSf", "https://origin.test/status/200/stays")).Succeeded();

        own.Succeeded();
        theirs.Succeeded();
        Assert.Equal(60, crossed.ExitCode);
        Assert.Contains("verify error", judged.Failed().Stdout + judged.Stderr, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Unauthorized, unknown.StatusCode);
        Assert.Equal("ok", (string?)doctor.Json["checks"]!.AsArray().Single(c => (string?)c!["name"] == "gateway")!["result"]);

        string[] Keys() => Directory.GetFiles(site.Folder.File("state/ca"), "*.key", SearchOption.AllDirectories);
    }

    [Fact]
    public async Task A_key_in_a_PKCS11_token_signs()
    {
        using var folder = new TempFolder();
        folder.Folder("tokens");
        folder.Write("softhsm.conf", $"directories.tokendir = {folder.File("tokens")}\n");
        await using (var making = RunningProgram.Start("sh", ["-c", TokenScript], new Dictionary<string, string>(ToolEnvironment.Clean(folder.Path)) { ["SOFTHSM2_CONF"] = folder.File("softhsm.conf"), ["M"] = Module, ["PKCS11_MODULE_PATH"] = Module }, folder.Path))
            (await making.WaitAsync(Limits.Token())).Succeeded();
        var exec = $"[env, SOFTHSM2_CONF={folder.File("softhsm.conf")}, HSM_PIN=1234, pkcs11-tool, --module, {Module}, --token-label, fairlead, --login, --pin, \"env:HSM_PIN\", --sign, --mechanism, ECDSA, --id, \"01\", --signature-format, openssl]";
        await using var site = await Site.StartAsync(new SiteOptions { Ca = $"{{ certificate: {folder.File("ca.pem")}, signer: {{ input: digest, exec: {exec} }} }}" });

        (await site.RunAsync("curl", "-sSf", "https://origin.test/status/200/token")).Succeeded();
        var shown = await site.RunAsync("openssl", "s_client", "-proxy", site.Relay.Proxy.Authority, "-connect", "origin.test:443", "-servername", "origin.test", "-verify_return_error", "-CAfile", site.Relay.Variables["SSL_CERT_FILE"]);
        // The token goes away: hosts in use go on, others fail, and the audit says why.
        Directory.Delete(folder.File("tokens"), recursive: true);
        (await site.RunAsync("curl", "-sSf", "https://origin.test/status/200/cached")).Succeeded();
        var failed = await site.RunAsync("curl", "-sS", "https://api.github.com/status/200/new");

        Assert.Contains("i:CN = Acme egress CA", shown.Succeeded().Stdout, StringComparison.Ordinal);
        Assert.Equal(35, failed.ExitCode);
        var record = Assert.Single(await site.Audit.WaitForAsync(1, r => (string?)r["outcome"] == "tls_failed", Limits.Token()));
        Assert.StartsWith("the gateway's CA could not sign for this host. the signer ended with 1: ", (string?)record["detail"], StringComparison.Ordinal);
    }

    private const string Module = "/usr/lib/softhsm/libsofthsm2.so";

    private const string TokenScript = """
        set -e
        softhsm2-util --init-token --free --label fairlead --pin 1234 --so-pin 5678
        pkcs11-tool --module $M --token-label fairlead --login --pin 1234 --keypairgen --key-type EC:prime256v1 --id 01 --label ca
        openssl req -new -x509 -engine pkcs11 -keyform engine -key 'pkcs11:token=fairlead;object=ca;type=private;pin-value=1234' -subj '/CN=Acme egress CA' \
          -days 365 -sha256 -addext basicConstraints=critical,CA:TRUE,pathlen:0 -addext keyUsage=critical,keyCertSign,cRLSign -out ca.pem
        """;
}
