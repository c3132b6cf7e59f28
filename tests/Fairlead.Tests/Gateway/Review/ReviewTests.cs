using Fairlead.Gateway.Configuration;
using Fairlead.Gateway.Policy;
using Fairlead.Gateway.Review;
using Fairlead.Wire;

namespace Fairlead.Tests.Gateway.Review;

public sealed class ReviewTests : IDisposable
{
    private const string Config = """
        version: 1
        listen: https://127.0.0.1:8080
        tls: { certificate: not-here.pem, key: not-here.key }
        ca: { directory: state/ca }
        secrets:
          key: { from: env, name: FAIRLEAD_TEST_NOT_SET }
        credentials:
          datadog: { use: header, set: { DD-API-KEY: "{key}" }, hosts: [api.test] }
          unused: { use: bearer, secret: key, hosts: [git.test] }
        policies:
          default:
            rules:
              - allow GET,POST api.test/v1/**
              - allow GET api.test/v1/series
              - deny * api.test/v1/secret/**
              - allow GET api.test/v1/secret/x
              - allow GET api.test:8443/v2
              - { rule: allow POST gql.test, when: { graphql: query } }
          idle: { mode: observe }
        sessions:
          - { id: one, token: { from: env, name: FAIRLEAD_TEST_NOT_SET }, policy: default, credentials: [datadog, unused] }
          - { id: two, token: { from: file, path: not-here.txt }, policy: default }
        audit: { file: state/audit.jsonl }
        upstream: { extra_ca: not-here.pem }
        """;

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_file_is_reviewed_without_its_secrets_and_without_any_other_file()
    {
        var options = Load(Config);

        Assert.Equal(["one", "two"], options.Sessions.Select(s => s.Id));
    }

    [Fact]
    public void Advice_names_what_loads_and_is_probably_not_meant() => Assert.Equal(
        [
            "policy 'default': 'allow GET api.test/v1/series' never decides: 'allow GET,POST api.test/v1/**' covers it",
            "policy 'default': 'allow GET api.test/v1/secret/x' never decides: 'deny * api.test/v1/secret/**' covers it",
            "policy 'idle': no session has it",
            "policy 'idle': mode observe refuses nothing",
            "session 'one': policy 'default' allows no host of the credential 'unused', so it is never used",
        ],
        PolicyAdvice.For(Load(Config)));

    [Theory]
    [InlineData("- allow * pinned.test", null, "  tls       Its TLS is passed through unopened. No request inside is seen: no rule about paths, no credential, no record of it.\n")]
    [InlineData("- allow GET pinned.test", "'pinned.test' is intercepted: no rule 'allow * pinned.test' lets every request to it pass", "  tls       It is intercepted all the same, since no rule allows every method and path of it without conditions.\n")]
    [InlineData("- deny GET pinned.test/x", "'pinned.test' is intercepted, at least in part: 'deny GET pinned.test/x' may deny a request to it", "  tls       It is intercepted all the same, since 'deny GET pinned.test/x' may deny a request to it.\n")]
    public void A_host_that_is_passed_through_is_named_and_one_that_is_not_after_all(string rule, string? advice, string said)
    {
        var options = Load(Config.Replace("    rules:\n", $"    tls: {{ passthrough: [pinned.test] }}\n    rules:\n      {rule}\n", StringComparison.Ordinal));
        Assert.True(AskedRequest.TryParse("GET", "https://pinned.test/x", [], null, out var facts, out _));

        Assert.Contains(said, Explanation.Of(options.Sessions[0], facts).Text, StringComparison.Ordinal);
        var told = PolicyAdvice.For(options).Where(a => a.Contains("passthrough", StringComparison.Ordinal)).ToArray();
        Assert.Equal(advice is null ? [] : [$"policy 'default': tls.passthrough: {advice}"], told);
    }

    [Fact]
    public void A_rule_that_advice_calls_dead_never_decides() => Seeded.Check(300, random =>
    {
        string[] hosts = ["a.test", "*.test", "**.test", "b.a.test", "*.a.test", "**"], paths = ["", "/x", "/x/**", "/*", "/x/y", "/**"], methods = ["*", "GET", "GET,POST"];
        var rules = Enumerable.Range(0, 5).Select(_ => Edge.RuleOf($"{Pick(["allow", "deny"])} {Pick(methods)} {Pick(hosts)}{Pick(paths)}")).ToArray();
        foreach (var a in rules)
        {
            foreach (var b in rules.Where(a.Covers))
            {
                foreach (var host in (string[])["a.test", "b.a.test", "c.b.a.test", "x.test"])
                {
                    foreach (var path in (string[])["/", "/x", "/x/y", "/x/y/z"])
                    {
                        Assert.True(HostPort.TryParse(host, 443, out var destination, out _));
                        if (b.Hosts[0].Matches(destination) && b.Path.Matches(path)) Assert.True(a.Hosts[0].Matches(destination) && a.Path.Matches(path), $"{a.Text} and {b.Text}");
                    }
                }
            }
        }

        string Pick(string[] from) => from[random.Next(from.Length)];
    });

    [Theory]
    [InlineData("GET", "https://api.test/v1/series?q=1", true, "injected  DD-API-KEY (credential datadog)")]
    [InlineData("PUT", "https://api.test/v1/series", false, "nearest   allow GET,POST api.test/v1/**  (another method)")]
    [InlineData("GET", "https://api.test/v3", false, "nearest   allow GET,POST api.test/v1/**  (another path)")]
    [InlineData("GET", "https://api.test/v2", false, "nearest   allow GET api.test:8443/v2  (another port)")]
    [InlineData("GET", "https://api.test/v1/../v2", false, "read as   /v1/../v2  /v2")]
    [InlineData("GET", "https://API.test:8443/v2", true, "injected  nothing: no credential of the session is bound to this host")]
    public void An_explanation_says_why_and_what_would_be_added(string method, string url, bool passes, string said)
    {
        Assert.True(AskedRequest.TryParse(method, url, [], null, out var facts, out var problem), problem);

        var (decision, text) = Explanation.Of(Load(Config).Sessions[0], facts);

        Assert.Equal(passes, decision.LetsPass);
        Assert.Contains(said, text, StringComparison.Ordinal);
        Assert.StartsWith(passes ? "allowed: " : "denied: ", text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("get", "https://api.test/", "a method in capitals")]
    [InlineData("GET", "http://api.test/", "begins with https://")]
    [InlineData("GET", "https://api test/", "visible ASCII")]
    [InlineData("GET", "https://user@api.test/", "letters, digits")]
    public void What_is_no_request_is_told(string method, string url, string said)
    {
        Assert.False(AskedRequest.TryParse(method, url, [], null, out _, out var problem));
        Assert.Contains(said, problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Cases_say_what_a_policy_must_decide()
    {
        _folder.Write("fairlead.yaml", Config);
        _folder.Write("cases.yaml", """
            cases:
              - { session: one, request: "GET https://api.test/v1/series", expect: allow, credentials: [datadog] }
              - { session: two, request: GET https://api.test/v1/series, expect: allow, credentials: [] }
              - { session: one, request: GET https://api.test/v1/secret/x, expect: deny, rule: "deny * api.test/v1/secret/**" }
              - { session: one, request: GET https://api.test/v3, expect: allow }
              - { session: one, request: GET https://api.test/v3, expect: deny, rule: "deny * api.test" }
              - { session: two, request: GET https://api.test/v1/series, expect: allow, credentials: [datadog] }
              - { session: one, request: POST https://gql.test/, expect: allow, headers: { Content-Type: application/json }, body: '{"query":"{ a }"}' }
              - { session: one, request: POST https://gql.test/, expect: deny, headers: { Content-Type: application/json }, body: '{"query":"mutation { a }"}' }
            """);

        var (passed, failures) = PolicyCases.Run(_folder["cases.yaml"]);

        Assert.Equal(5, passed);
        Assert.Collection(
            failures,
            f => Assert.EndsWith("cases.yaml:5: GET https://api.test/v3 (session one): expected allow, got deny by 'default: deny'. No rule of policy 'default' matches.", f, StringComparison.Ordinal),
            f => Assert.EndsWith("cases.yaml:6: GET https://api.test/v3 (session one): expected deny by 'deny * api.test', got it by 'default: deny'", f, StringComparison.Ordinal),
            f => Assert.EndsWith("cases.yaml:7: GET https://api.test/v1/series (session two): expected the credentials [datadog], got []", f, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("cases: []", "there is no case")]
    [InlineData("cases: [{ session: one, request: GET, expect: allow }]", "expected 'METHOD https://host/path'")]
    [InlineData("cases: [{ session: on, request: GET https://a.test/, expect: allow }]", "there is no session 'on'; did you mean 'one'?")]
    [InlineData("cases: [{ session: one, request: GET https://a.test/, expect: pass }]", "expected allow or deny, got 'pass'")]
    [InlineData("cases: [{ session: one, request: GET https://a.test/, expects: deny }]", "unknown key 'expects'; did you mean 'expect'?")]
    [InlineData("config: nowhere.yaml\ncases: []", "nowhere.yaml: the file cannot be read")]
    public void Broken_cases_are_refused(string cases, string said)
    {
        _folder.Write("fairlead.yaml", Config);
        _folder.Write("cases.yaml", cases);

        Assert.Contains(said, Assert.Throws<ConfigException>(() => PolicyCases.Run(_folder["cases.yaml"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_replay_tells_what_would_change()
    {
        var seen = SeenRequest.ReadAll(
            [
                Record("one", "GET", "api.test", "/v1/a", "allow"),
                Record("one", "DELETE", "api.test", "/v1/a", "allow"),
                Record("one", "DELETE", "api.test", "/v1/a", "observe"),
                Record("two", "POST", "api.test", "/v1/b", "deny"),
                Record("one", "POST", "gql.test", "/", "allow"),
                Record("gone", "GET", "api.test", "/", "allow"),
                """{"version":1,"type":"tunnel"}""",
                """{"version":1,"type":"request","decision":null}""",
                "{\"version\":1,\"type\":\"requ",
                "",
            ],
            out var skipped);

        var replay = Replay.Of(seen, Load(Config));

        Assert.Equal(1, skipped);
        Assert.Equal((4, 1), (replay.Total, replay.Unclear));
        Assert.Equal(new Replay.Change("one", "DELETE https://api.test/v1/a", "r", "default: deny", 1), Assert.Single(replay.NewlyDenied));
        Assert.Equal(new Replay.Change("two", "POST https://api.test/v1/b", "r", "allow GET,POST api.test/v1/**", 1), Assert.Single(replay.NewlyAllowed));
        Assert.Equal(1, Assert.Single(replay.Unknown).Value);
    }

    [Fact]
    public void Identifiers_and_segments_of_many_values_are_learned_as_wildcards()
    {
        string[] seen =
        [
            "GET api.test /repos/acme/web/pulls/17", "GET api.test /repos/acme/web/pulls/18", "POST api.test /repos/acme/web/pulls",
            "GET api.test /objects/0af31bc9d2", "GET api.test /objects/0a111bc9d2",
            .. Enumerable.Range(0, 12).Select(i => $"GET npm.test /package-{(char)('a' + i)}"),
            "HEAD api.test /", "GET odd.test /@scope%2fname",
        ];
        var requests = seen.Select(s => s.Split(' ')).Select(w => Seen(w[0], w[1], w[2])).ToArray();

        var rules = LearnedPolicy.From(requests, out var missed);

        Assert.Empty(missed);
        Assert.Equal(
            [
                "allow HEAD api.test/",
                "allow GET api.test/objects/*",
                "allow POST api.test/repos/acme/web/pulls",
                "allow GET api.test/repos/acme/web/pulls/*",
                "allow GET npm.test/*",
                "allow GET odd.test/@scope%2fname",
                "allow GET odd.test/@scope/name",
            ],
            rules);
    }

    [Fact]
    public void What_a_workload_chose_does_not_become_a_wildcard()
    {
        var rules = LearnedPolicy.From([Seen("GET", "h.test", "/**"), Seen("*", "h.test", "/only"), Seen("GET", "h.test", "/a*/b*"), Seen("GET", "h.test", "/user/bob")], out var missed);

        Assert.Equal(["allow GET h.test/user/bob"], rules);
        Assert.Equal(3, missed.Count);
    }

    [Theory]
    [InlineData("""{"type":"request","session":"one","method":"GET","host":"h.test","port":443,"path":"","decision":"allow","rule":"r"}""")]
    [InlineData("""{"type":"request","session":"one","method":"GET","host":"h.test","port":443,"path":null,"decision":"allow","rule":"r"}""")]
    [InlineData("""{"type":"request","session":null,"method":"GET","host":"h.test","port":443,"path":"/","decision":"allow","rule":"r"}""")]
    [InlineData("""{"type":"request","session":"one","method":"GET","host":null,"port":443,"path":"/","decision":"allow","rule":"r"}""")]
    [InlineData("""{"type":"request","session":"one","method":"GET","host":"h.test","port":"x","path":"/","decision":"allow","rule":"r"}""")]
    [InlineData("[]")]
    [InlineData("1")]
    public void A_line_that_is_no_record_is_passed_over_and_counted(string line)
    {
        Assert.Empty(SeenRequest.ReadAll([line], out var skipped));
        Assert.Equal(1, skipped);
    }

    [Fact]
    public void The_self_test_host_is_known()
    {
        Assert.True(AskedRequest.TryParse("GET", "https://fairlead.test/", [], null, out var facts, out _));

        Assert.Equal("self-test", Explanation.Of(Load(Config).Sessions[0], facts).Decision.Rule);
    }

    [Fact]
    public void What_was_seen_is_allowed_by_what_was_learned() => Seeded.Check(200, random =>
    {
        string[] segments = ["a", "b", "17", "..", "x%2fy", "", "v;1", "%2e%2e", "*", "deadbeef01", "\\q", "c*"];
        var requests = Enumerable.Range(0, random.Next(1, 30))
            .Select(_ => Seen("GET", "h.test", "/" + string.Join('/', Enumerable.Range(0, random.Next(1, 5)).Select(_ => segments[random.Next(segments.Length)]))))
            .ToArray();

        var rules = LearnedPolicy.From(requests, out var missed);

        var policy = Edge.PolicyOf([.. rules]);
        Assert.All(requests.Except(missed), r => Assert.True(policy.Decide(r.Facts).LetsPass, r.Facts.Path));
        Assert.All(missed, r => Assert.True(!PathReadings.IsPlain(r.Facts.Path) || r.Facts.Path.Contains('*', StringComparison.Ordinal), r.Facts.Path));
    });

    private static SeenRequest Seen(string method, string host, string path)
    {
        Assert.True(HostPort.TryParse(host, 443, out var destination, out _));
        return new SeenRequest("one", new RequestFacts(method, destination, path), Verdict.Allow, true, "r");
    }

    private static string Record(string session, string method, string host, string path, string decision) =>
        $$"""{"version":1,"type":"request","session":"{{session}}","method":"{{method}}","host":"{{host}}","port":443,"path":"{{path}}","decision":"{{decision}}","rule":"r"}""";

    private GatewayOptions Load(string text)
    {
        _folder.Write("fairlead.yaml", text);
        return ConfigFile.LoadForReview(_folder["fairlead.yaml"]);
    }
}
