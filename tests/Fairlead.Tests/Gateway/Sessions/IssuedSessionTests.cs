using System.Text.Json.Nodes;
using Fairlead.Gateway.Identity;
using Fairlead.Gateway.Policy;
using Fairlead.Gateway.Sessions;
using Fairlead.Tests.Gateway.Identity;
using Fairlead.Wire;

namespace Fairlead.Tests.Gateway.Sessions;

/// <summary>Sessions that an issuer vouches for.</summary>
public sealed class IssuedSessionTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly Signer _signer = new();

    private DateTimeOffset Now => _time.GetUtcNow();

    [Fact]
    public async Task Claims_choose_the_entry_and_the_first_that_matches_is_taken()
    {
        using var registry = Start(Signer.Entry("admins", role: "admin"), Signer.Entry("agents"), Signer.Entry("others", role: "*"));

        Assert.Equal("agents/job-1", (await AskAsync(registry, Token())).Lease?.Current.Id);
        Assert.Equal("admins/job-1", (await AskAsync(registry, Token(role: "admin"))).Lease?.Current.Id);
        Assert.Equal("others/job-1", (await AskAsync(registry, Token(role: "cook"))).Lease?.Current.Id);
        using var fewer = Start(Signer.Entry());
        Assert.Equal("the token is good, and no entry of 'sessions' is for issuer 'orchestrator' and its claims", (await AskAsync(fewer, Token(role: "cook"))).Why);
    }

    [Theory]
    [InlineData("repository", "acme/web", true)]
    [InlineData("repository", "acme/*", true)]
    [InlineData("repository", "acme/we", false)]
    [InlineData("repository", "cme/web", false)]
    [InlineData("repository", "ACME/web", false)]
    [InlineData("repository", "*", true)]
    [InlineData("groups", "builders", true)]
    [InlineData("groups", "owners", false)]
    [InlineData("admin", "false", true)]
    [InlineData("run", "17", true)]
    [InlineData("/kubernetes.io/namespace", "ci", true)]
    [InlineData("/kubernetes.io/serviceaccount/name", "run*", true)]
    [InlineData("/kubernetes.io/serviceaccount/name", "walk*", false)]
    [InlineData("kubernetes.io", "ci", false)]
    [InlineData("/kubernetes.io", "*", false)]
    [InlineData("https://x.test/claim", "yes", true)]
    [InlineData("missing", "*", false)]
    public void A_claim_holds_when_its_value_matches_whole(string claim, string value, bool holds)
    {
        using var claims = System.Text.Json.JsonDocument.Parse("""
            {"repository":"acme/web","groups":["builders","runners"],"admin":false,"run":17,"https://x.test/claim":"yes",
             "kubernetes.io":{"namespace":"ci","serviceaccount":{"name":"runner"}}}
            """);

        Assert.Equal(holds, new ClaimCondition(claim, [value]).Holds(claims.RootElement));
    }

    [Fact]
    public async Task The_user_is_the_session_or_its_entry()
    {
        using var registry = Start();
        var token = Token();
        var session = (await AskAsync(registry, token)).Lease!.Current;

        Assert.All(["agents/job-1", "agents"], user => Assert.True(SessionRegistry.Confirms(session, Basic(user, token))));
        Assert.All(["job-1", "agents/job-2", "agents/", ""], user => Assert.False(SessionRegistry.Confirms(session, Basic(user, token))));
    }

    [Fact]
    public async Task A_session_ends_with_its_token()
    {
        using var registry = Start();
        var ended = new List<string>();
        registry.Ended = (id, _) => ended.Add(id);
        var token = Token(minutes: 10);
        var lease = (await AskAsync(registry, token)).Lease!;

        _time.Advance(TimeSpan.FromMinutes(9.9));
        Assert.Same(lease, (await AskAsync(registry, token)).Lease);
        _time.Advance(TimeSpan.FromMinutes(0.2));

        Assert.True(lease.Revoked.IsCancellationRequested);
        Assert.StartsWith("the session expired at 2030-01-01 00:10:00Z", lease.WhyEnded, StringComparison.Ordinal);
        Assert.Equal(["agents/job-1"], ended);
        Assert.Empty(registry.Alive);
        Assert.Equal((null, "the token expired at 2030-01-01 00:10:00Z"), await AskAsync(registry, token));
    }

    [Fact]
    public async Task A_lifetime_counts_from_the_first_tunnel_beyond_the_token_and_before_its_end()
    {
        using var longer = Start(Signer.Entry(lifetime: TimeSpan.FromHours(2)));
        using var shorter = Start(Signer.Entry(lifetime: TimeSpan.FromMinutes(1)));
        var token = Token(minutes: 10);
        var (longLease, shortLease) = ((await AskAsync(longer, token)).Lease!, (await AskAsync(shorter, token)).Lease!);

        _time.Advance(TimeSpan.FromMinutes(90));
        Assert.Same(longLease, (await AskAsync(longer, token)).Lease);
        // Whoever comes with it for the first time now is too late.
        using var late = Start(Signer.Entry(lifetime: TimeSpan.FromHours(2)));
        Assert.Null((await AskAsync(late, token)).Lease);
        _time.Advance(TimeSpan.FromMinutes(31));
        Assert.True(longLease.Revoked.IsCancellationRequested);
        Assert.True(shortLease.Revoked.IsCancellationRequested);
    }

    [Fact]
    public async Task A_session_that_was_shorter_than_its_token_does_not_begin_again_with_it()
    {
        using var registry = Start(Signer.Entry(lifetime: TimeSpan.FromMinutes(1)));
        var token = Token(minutes: 10);
        _ = await AskAsync(registry, token);

        _time.Advance(TimeSpan.FromMinutes(2));

        Assert.StartsWith("the session expired", (await AskAsync(registry, token)).Why, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("agents/job-1", true, true)]
    [InlineData("agents/job-2", false, false)]
    [InlineData("agents", false, false)]
    [InlineData("token", true, true)]
    [InlineData("child", false, true)]
    public async Task A_revocation_ends_the_session_and_its_children(string what, bool endsParent, bool endsChild)
    {
        using var registry = Start();
        var token = Token();
        var child = Parse(token).Narrow(["allow GET api.test/**"], Now.AddMinutes(5), Now, out var childId);
        var (parentLease, childLease) = ((await AskAsync(registry, token)).Lease!, (await AskAsync(registry, child)).Lease!);

        registry.Revoke(what switch { "token" => parentLease.Token!.TokenId!, "child" => childId, _ => what });

        Assert.Equal((endsParent, endsChild), (parentLease.Revoked.IsCancellationRequested, childLease.Revoked.IsCancellationRequested));
        Assert.Equal((endsParent, endsChild), ((await AskAsync(registry, token)).Why == "the session was revoked", (await AskAsync(registry, child)).Why == "the session was revoked"));
    }

    [Fact]
    public async Task A_child_may_what_its_rules_and_its_parents_policy_allow()
    {
        using var registry = Start(Signer.Entry(rules: ["allow GET,POST api.test/**", "deny GET api.test/secret/**"]));
        var child = Parse(Token()).Narrow(["allow GET api.test/**", "allow GET other.test/**"], Now.AddHours(1), Now, out var id);
        var grandchild = Parse(child).Narrow(["allow * api.test/public/**"], Now.AddHours(1), Now, out _);
        var session = (await AskAsync(registry, child)).Lease!.Current;
        var narrower = (await AskAsync(registry, grandchild)).Lease!.Current;

        Assert.Equal(($"agents/job-1~{id}", "agents/job-1"), (session.Id, session.Root));
        Assert.True(session.Decide(Facts("GET", "api.test", "/a")).LetsPass);
        Assert.False(session.Decide(Facts("POST", "api.test", "/a")).LetsPass);
        Assert.False(session.Decide(Facts("GET", "other.test", "/a")).LetsPass);
        Assert.Equal("deny GET api.test/secret/**", session.Decide(Facts("GET", "api.test", "/secret/x")).Rule);
        Assert.Equal($"No rule of policy 'child token {id}' matches.", session.Decide(Facts("POST", "api.test", "/a")).Reason);
        Assert.True(narrower.Decide(Facts("GET", "api.test", "/public/x")).LetsPass);
        Assert.False(narrower.Decide(Facts("POST", "api.test", "/public/x")).LetsPass);
        Assert.False(narrower.Decide(Facts("GET", "api.test", "/a")).LetsPass);
    }

    [Fact]
    public async Task A_child_ends_with_the_earliest_of_its_parents_and_counts_for_them()
    {
        using var registry = Start(Signer.Entry(limits: new SessionLimits { Tunnels = 2 }));
        var token = Token(minutes: 10);
        var child = Parse(token).Narrow(["allow * **"], Now.AddHours(9), Now, out _);
        var (parent, lease) = ((await AskAsync(registry, token)).Lease!, (await AskAsync(registry, child)).Lease!);

        Assert.Equal(Now.AddMinutes(10), lease.Expires);
        Assert.Null(lease.TakeTunnel(out _));
        Assert.Null(lease.TakeTunnel(out _));
        Assert.Equal("the session has 2 open tunnels, which is its limit", parent.TakeTunnel(out var isFarBeyond));
        Assert.False(isFarBeyond);
        parent.ReturnTunnel();
        Assert.Equal(2, parent.Usage.Tunnels);
        lease.ReturnTunnel();
        Assert.Null(parent.TakeTunnel(out _));
        for (var i = 0; i < 16; i++) Assert.NotNull(lease.TakeTunnel(out isFarBeyond));
        Assert.False(isFarBeyond);
        Assert.NotNull(lease.TakeTunnel(out isFarBeyond));
        Assert.True(isFarBeyond);
    }

    [Theory]
    [InlineData("deny GET api.test/**", "expected 'allow'")]
    [InlineData("allow GET", "expected 'allow|deny METHODS host[:port][/path]'")]
    [InlineData("allow GET @set/**", "there is no host set '@set'")]
    public async Task A_child_with_rules_that_are_none_is_refused(string rule, string why)
    {
        using var registry = Start();
        var child = Parse(Token()).Narrow([rule], Now.AddHours(1), Now, out _);

        var (lease, problem) = await AskAsync(registry, child);

        Assert.Null(lease);
        Assert.Contains(why, problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_child_has_64_rules_at_most()
    {
        using var registry = Start();
        string Child(int rules) => Parse(Token()).Narrow([.. Enumerable.Range(0, rules).Select(i => $"allow GET h{i}.test")], Now.AddHours(1), Now, out _);

        Assert.NotNull((await AskAsync(registry, Child(64))).Lease);
        Assert.Contains("has 65 rules", (await AskAsync(registry, Child(65))).Why, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Of_one_token_256_children_live_at_once_and_those_that_expired_make_room()
    {
        using var registry = Start();
        var token = Token();
        string Child() => Parse(token).Narrow(["allow GET api.test"], Now.AddMinutes(1), Now, out _);
        for (var i = 0; i < SessionRegistry.MaxChildren; i++) Assert.NotNull((await AskAsync(registry, Child())).Lease);

        Assert.Contains("which is the limit", (await AskAsync(registry, Child())).Why, StringComparison.Ordinal);
        // Nobody else is in their way.
        Assert.NotNull((await AskAsync(registry, Token(subject: "job-2"))).Lease);
        Assert.NotNull((await AskAsync(registry, token)).Lease);
        _time.Advance(TimeSpan.FromMinutes(2));
        Assert.Equal(2, registry.Alive.Count());
        Assert.NotNull((await AskAsync(registry, Child())).Lease);
    }

    [Fact]
    public async Task A_lifetime_is_not_got_round_by_narrowing()
    {
        using var registry = Start(Signer.Entry(lifetime: TimeSpan.FromMinutes(5)));
        var token = Token(minutes: 60);
        _ = await AskAsync(registry, token);
        _time.Advance(TimeSpan.FromMinutes(3));
        var child = (await AskAsync(registry, Parse(token).Narrow(["allow GET api.test"], Now.AddHours(1), Now, out _))).Lease!;
        Assert.Equal(Now.AddMinutes(2), child.Expires);
        _time.Advance(TimeSpan.FromMinutes(3));

        Assert.True(child.Revoked.IsCancellationRequested);
        Assert.StartsWith("the session expired at", (await AskAsync(registry, Parse(token).Narrow(["allow GET api.test"], Now.AddHours(1), Now, out _))).Why, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("job~1")]
    [InlineData("job 1")]
    public async Task No_subject_is_the_id_of_a_child(string subject)
    {
        using var registry = Start();

        Assert.Contains("without '~'", (await AskAsync(registry, Token(subject: subject))).Why, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_child_without_rules_may_nothing()
    {
        using var registry = Start(new SessionEntry(Edge.SessionOf("agents", "unused", mode: PolicyMode.Open), "orchestrator", [], null));
        var child = Parse(Token()).Narrow([], Now.AddHours(1), Now, out _);

        Assert.False((await AskAsync(registry, child)).Lease!.Current.Decide(Facts("GET", "api.test", "/")).LetsPass);
    }

    [Fact]
    public async Task A_changed_configuration_reaches_sessions_that_are_alive()
    {
        using var registry = Start();
        var token = Token();
        var lease = (await AskAsync(registry, token)).Lease!;
        lease.Usage.AddBytes(5);

        registry.Replace(_signer.Set(Signer.Entry(rules: ["deny * **"])));

        Assert.Same(lease, (await AskAsync(registry, token)).Lease);
        Assert.False(lease.Current.Decide(Facts("GET", "api.test", "/")).LetsPass);
        Assert.Equal(5, lease.Usage.Bytes);
    }

    [Fact]
    public async Task A_session_ends_with_its_entry_its_issuer_or_its_key_and_may_come_again_when_they_do()
    {
        using var registry = Start();
        var token = Token();
        SessionSet[] without =
        [
            _signer.Set() with { Entries = [] },
            _signer.Set() with { Issuers = [], Entries = [] },
            _signer.Set(Signer.Entry(role: "admin")),
            _signer.Set() with { Issuers = [_signer.Trusted() with { Audience = "other" }] },
            _signer.Set() with { Issuers = [_signer.Trusted() with { Keys = new FixedKeys("test", [new Signer().NamedKey("k9")]) }] },
        ];
        foreach (var set in without)
        {
            var lease = (await AskAsync(registry, token)).Lease!;
            registry.Replace(set);
            Assert.True(lease.Revoked.IsCancellationRequested);
            Assert.Null((await AskAsync(registry, token)).Lease);
            registry.Replace(_signer.Set());
            Assert.NotNull((await AskAsync(registry, token)).Lease);
        }
    }

    [Fact]
    public async Task Two_tokens_of_one_subject_share_one_account()
    {
        using var registry = Start();
        var (one, two) = ((await AskAsync(registry, Token(minutes: 10))).Lease!, (await AskAsync(registry, Token(minutes: 20))).Lease!);
        var ended = new List<string>();
        registry.Ended = (id, _) => ended.Add(id);

        Assert.NotSame(one, two);
        Assert.Same(one.Usage, two.Usage);
        // The first token's end is not the session's.
        _time.Advance(TimeSpan.FromMinutes(11));
        Assert.Empty(ended);
        _time.Advance(TimeSpan.FromMinutes(11));
        Assert.Equal(["agents/job-1"], ended);
    }

    [Fact]
    public async Task Requests_are_limited_by_a_bucket_that_fills_evenly()
    {
        using var registry = Start(Signer.Entry(limits: new SessionLimits { RequestsPerMinute = 3 }));
        var lease = (await AskAsync(registry, Token(minutes: 60))).Lease!;

        for (var i = 0; i < 3; i++) Assert.Null(lease.TryTakeRequest(out _));
        Assert.Equal("the session may make 3 requests a minute", lease.TryTakeRequest(out var wait));
        Assert.Equal(20, wait.TotalSeconds, 3);
        _time.Advance(TimeSpan.FromSeconds(20));
        Assert.Null(lease.TryTakeRequest(out _));
        Assert.NotNull(lease.TryTakeRequest(out _));
        _time.Advance(TimeSpan.FromMinutes(30));
        for (var i = 0; i < 3; i++) Assert.Null(lease.TryTakeRequest(out _));
        Assert.NotNull(lease.TryTakeRequest(out _));
    }

    [Fact]
    public async Task A_subject_that_cannot_stand_in_a_record_is_refused()
    {
        using var registry = Start();

        Assert.Contains("is not visible ASCII without", (await AskAsync(registry, Token(subject: "a b"))).Why, StringComparison.Ordinal);
        Assert.Contains("is not visible ASCII without", (await AskAsync(registry, Token(subject: new string('a', 600)))).Why, StringComparison.Ordinal);
        Assert.Contains("is not visible ASCII without", (await AskAsync(registry, Token(subject: "caf\u00e9"))).Why, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Whose_token_it_is_is_told_apart_by_issuer_and_audience()
    {
        var claims = Signer.Claims(Now.AddHours(1));
        claims["aud"] = new JsonArray("other", "fairlead");
        using var registry = Start();

        Assert.NotNull((await AskAsync(registry, _signer.Sign(claims))).Lease);
        claims = Signer.Claims(Now.AddHours(1));
        claims["aud"] = "fairlead2";
        Assert.Equal("the configuration has no issuer with the 'iss' and 'aud' of this token", (await AskAsync(registry, _signer.Sign(claims))).Why);
    }

    private SessionRegistry Start(params SessionEntry[] entries) => new(_signer.Set(entries), _time);

    private string Token(int minutes = 60, string subject = "job-1", string role = "agent") => _signer.Mint(Signer.Claims(Now.AddMinutes(minutes), subject, role), Now);

    private static SessionToken Parse(string text) => SessionToken.TryParse(text, out var token) ? token : throw new InvalidOperationException(text);

    private static RequestFacts Facts(string method, string host, string path) => new(method, HostPort.TryParse(host + ":443", out var destination, out _) ? destination : throw new InvalidOperationException(host), path);

    private static string Basic(string user, string token) => "Basic " + Convert.ToBase64String(System.Text.Encoding.ASCII.GetBytes($"{user}:{token}"));

    private static async Task<(SessionLease? Lease, string Why)> AskAsync(SessionRegistry registry, string token) => await registry.AuthenticateAsync($"Bearer {token}", Limits.Token);
}
