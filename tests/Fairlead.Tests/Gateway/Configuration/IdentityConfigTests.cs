using Fairlead.Gateway.Configuration;
using Fairlead.Gateway.Identity;
using Fairlead.Tests.Gateway.Identity;

namespace Fairlead.Tests.Gateway.Configuration;

/// <summary><c>issuers</c>, the sessions that they vouch for, <c>revocations</c> and <c>admin</c>.</summary>
public sealed class IdentityConfigTests : IDisposable
{
    private const string Good = """
        version: 1
        listen: http://127.0.0.1:8080
        ca: { directory: state/ca }
        policies:
          default: { rules: [allow GET api.test/**] }
        issuers:
          fairlead: { key: state/session.key }
          orchestrator: { issuer: https://orchestrator.test, audience: fairlead, jwks: { file: jwks.json } }
          github: { issuer: https://github.test/, audience: fairlead, jwks: discover, algorithms: RS256 }
          cluster: { issuer: https://cluster.test, audience: fairlead, jwks: { url: https://10.0.0.1/jwks, ca: roots.pem, token: { from: file, path: token } } }
        sessions:
          - { id: agents, issuer: fairlead, policy: default, limits: { tunnels: 64, requests_per_minute: 600, bytes: 10GiB, max_body: 512MiB } }
          - { id: ci, issuer: github, match: { repository: acme/web, ref: [refs/heads/main, refs/tags/*] }, lifetime: 4h, policy: default }
        revocations: state/revoked
        admin: { listen: http://127.0.0.1:0, token: { from: file, path: token } }
        audit: { file: state/audit.jsonl }
        """;

    private readonly TempFolder _folder = new();

    public IdentityConfigTests()
    {
        _folder.Write("jwks.json", new Signer().Jwks());
        _folder.Write("token", "FAKE-admin-token");
        using var ca = new OriginCa();
        _folder.Write("roots.pem", ca.Root.ExportCertificatePem());
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_good_file_says_it_all()
    {
        var options = Load(Good);
        var set = options.SessionSet;

        Assert.Equal(["fairlead", "orchestrator", "github", "cluster"], set.Issuers.Select(i => i.Name));
        Assert.Equal([["ES256"], ["ES256", "RS256"], ["RS256"], ["ES256", "RS256"]], set.Issuers.Select(i => i.Algorithms));
        Assert.Equal("https://github.test/.well-known/openid-configuration", ((FetchedKeys)set.Issuers[2].Keys).Identity.Trim());
        Assert.Equal(["session: agents"], set.Entries[0].Match.Select(m => m.Text));
        Assert.Equal(["repository: acme/web", "ref: refs/heads/main or refs/tags/*"], set.Entries[1].Match.Select(m => m.Text));
        Assert.Equal([null, TimeSpan.FromHours(4)], set.Entries.Select(e => e.Lifetime));
        Assert.Equal(new() { Tunnels = 64, RequestsPerMinute = 600, Bytes = 10L << 30, MaxBody = 512 << 20 }, set.Entries[0].Granted.Limits);
        Assert.Equal(_folder["state/revoked"], options.RevocationsFile);
        Assert.Equal("***", options.Admin!.Token.ToString());
        Assert.Equal([_folder["state/session.key"], _folder["jwks.json"], _folder["roots.pem"], _folder["state/revoked"]], options.WatchedFiles);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_folder["state/session.key"]));
    }

    [Fact]
    public void A_key_that_is_gone_is_made_by_a_start_and_by_no_reload()
    {
        Assert.Contains(Load(Good).Warnings, w => w.Contains("a new one was made", StringComparison.Ordinal));
        Assert.Empty(Load(Good).Warnings);
        File.Delete(_folder["state/session.key"]);

        Assert.Contains("there is no key in", Assert.Throws<ConfigException>(() => ConfigFile.Load(_folder.Write("gateway.yaml", Good), null, isFirst: false)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_look_at_the_file_makes_no_key()
    {
        Assert.Equal(["agents", "ci"], ConfigFile.LoadForReview(_folder.Write("gateway.yaml", Good)).Sessions.Select(s => s.Id));
        Assert.False(File.Exists(_folder["state/session.key"]));
    }

    [Fact]
    public void Revoked_ids_are_read_whatever_people_write_beside_them()
    {
        Directory.CreateDirectory(_folder["state"]);
        _folder.Write("state/revoked", "# who left\nagents/a # gone\n\nagents/b\tsince Monday\r\nagents/fix-#12");

        Assert.Equal(["agents/a", "agents/b", "agents/fix-#12"], Load(Good).SessionSet.Revoked.Order());
    }

    /// <summary>What is changed in the good file, where the error is, and what it says.</summary>
    public static TheoryData<string, string, string, string> Broken => new()
    {
        { "issuer: fairlead,", "issuer: fairleed,", "12:27", "sessions[0].issuer: there is no issuer 'fairleed'; did you mean 'fairlead'?" },
        { "id: agents, issuer: fairlead,", "id: agents,", "12:5", "sessions[0]: 'token' is missing" },
        { "issuer: fairlead,", "issuer: fairlead, token: { from: file, path: token },", "12:44", "sessions[0].token: a session has 'token' or 'issuer', not both" },
        { "match: { repository: acme/web, ref: [refs/heads/main, refs/tags/*] }, ", "", "13:5", "sessions[1]: 'match' is missing: without a claim, whoever 'github' knows would be this session" },
        { "lifetime: 4h", "lifetime: 4", "13:111", "sessions[1].lifetime: expected a time such as 90s, 15m, 4h or 7d, of 366 days at most, got '4'" },
        { "lifetime: 4h", "lifetime: 0s", "13:111", "sessions[1].lifetime: expected a time such as" },
        { "lifetime: 4h", "lifetime: 400d", "13:111", "sessions[1].lifetime: expected a time such as" },
        { "tunnels: 64", "tunnels: 0", "12:73", "sessions[0].limits.tunnels: expected a number of 1 or more, got '0'" },
        { "tunnels: 64", "tunels: 64", "12:64", "sessions[0].limits.tunels: unknown key 'tunels'; did you mean 'tunnels'?" },
        { "bytes: 10GiB", "bytes: 10GB", "12:110", "sessions[0].limits.bytes: expected a number of bytes such as 500000, 64KiB or 10MiB, got '10GB'" },
        { "id: ci", "id: agents/ci", "13:11", "sessions[1].id: 'agents/ci' and 'agents' could name one session" },
        { "id: ci", "id: agents", "13:11", "sessions[1].id: there are two sessions 'agents'" },
        { "issuer: https://orchestrator.test, ", "", "8:17", "issuers.orchestrator: 'issuer' is missing" },
        { "audience: fairlead, jwks: { file: jwks.json }", "jwks: { file: jwks.json }", "8:17", "issuers.orchestrator: 'audience' is missing" },
        { "file: jwks.json", "file: none.json", "8:88", "issuers.orchestrator.jwks.file: the file " },
        { "file: jwks.json", "file: token", "8:88", "expected a JSON Web Key Set" },
        { "file: jwks.json", "file: jwks.json, url: https://x.test", "8:104", "issuers.orchestrator.jwks.url: 'url' is for keys that are fetched" },
        { "jwks: discover", "jwks: discovery", "9:69", "issuers.github.jwks: expected discover, got 'discovery'; did you mean 'discover'?" },
        { "issuer: https://github.test/", "issuer: http://github.test/", "9:21", "issuers.github.issuer: expected an https URL without user and fragment, got 'http://github.test/'" },
        { "url: https://10.0.0.1/jwks", "url: http://10.0.0.1/jwks", "10:77", "issuers.cluster.jwks.url: expected an https URL" },
        { "ca: roots.pem", "ca: token", "10:104", "issuers.cluster.jwks.ca: " },
        { "algorithms: RS256", "algorithms: HS256", "9:91", "issuers.github.algorithms: expected ES256, ES384, RS256, RS384, RS512, PS256, PS384, PS512, got 'HS256'" },
        { "algorithms: RS256", "algorithms: none", "9:91", "got 'none'" },
        { "key: state/session.key", "key: state/session.key, jwks: discover", "7:45", "issuers.fairlead.jwks: 'jwks' is for another's tokens; 'key' is the gateway's own" },
        { "key: state/session.key", "key: roots.pem", "7:20", "issuers.fairlead.key: expected mode 0600 on " },
        { "issuer: https://cluster.test", "issuer: https://orchestrator.test", "10:12", "issuers.cluster: 'orchestrator' has the same issuer and audience, so nobody could tell whose a token is" },
        { "listen: http://127.0.0.1:0,", "listen: http://0.0.0.0:9,", "15:18", "admin.listen: the token would cross the network in clear: expected https, or a loopback address" },
        { "listen: http://127.0.0.1:0,", "listen: http://127.0.0.1:0/admin,", "15:18", "admin.listen: expected an address without a path" },
        { "token: { from: file, path: token } }\naudit", "tokens: 1 }\naudit", "15:38", "admin.tokens: unknown key 'tokens'; did you mean 'token'?" },
        { "revocations: state/revoked", "revocations: [x]", "14:14", "revocations: expected a text, got a list" },
        { "revocations: state/revoked", "revocations: .", "14:14", "revocations: " },
    };

    [Theory]
    [MemberData(nameof(Broken))]
    public void A_broken_file_says_where_and_what(string good, string broken, string where, string what)
    {
        Assert.Contains(good, Good, StringComparison.Ordinal);

        var e = Assert.Throws<ConfigException>(() => Load(Good.Replace(good, broken, StringComparison.Ordinal)));

        Assert.True(
            e.Message.Split('\n').Any(line => line.StartsWith($"{_folder["gateway.yaml"]}:{where}: ", StringComparison.Ordinal) && line.Contains(what, StringComparison.Ordinal)),
            e.Message);
    }

    private GatewayOptions Load(string text) => ConfigFile.Load(_folder.Write("gateway.yaml", text), null);
}
