using Fairlead.Gateway.Credentials;

namespace Fairlead.Tests.Gateway.Credentials;

/// <summary>Against a peer that answers as the published API of Vault says.</summary>
public sealed class VaultStoreTests : IAsyncLifetime
{
    private const string Found = "{\"request_id\":\"r\",\"lease_id\":\"\",\"renewable\":false,\"lease_duration\":0,\"data\":{\"data\":{\"key\":\"FAKE-value\",\"number\":7},\"metadata\":{\"version\":3,\"deletion_time\":\"\",\"destroyed\":false}}}";
    private const string LoggedIn = "{\"auth\":{\"client_token\":\"hvs.FAKE-1\",\"lease_duration\":3600,\"renewable\":true}}";

    private readonly TempFolder _folder = new();
    private TokenPeer _peer = null!;

    public async ValueTask InitializeAsync()
    {
        _peer = await TokenPeer.StartAsync();
        _folder.Write("jwt", "FAKE.service.account\n");
    }

    public async ValueTask DisposeAsync()
    {
        await _peer.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_field_is_read_with_a_token()
    {
        _peer.Answers.Add((200, Found));

        var kept = await Store(space: "team/a").FetchAsync(Limits.Token);

        Assert.Equal(("FAKE-value", 5), (kept.Value.Reveal(), (int)(kept.FreshUntil - _peer.Time.GetUtcNow()).TotalMinutes));
        var asked = Assert.Single(_peer.Origin.Requests);
        Assert.Equal(("GET", "/v1/kv/data/ci/open%20ai"), (asked.Method, asked.Target));
        Assert.Equal(("hvs.FAKE", "team/a", "true"), (asked.Headers["X-Vault-Token"], asked.Headers["X-Vault-Namespace"], asked.Headers["X-Vault-Request"]));
    }

    [Fact]
    public async Task A_service_account_logs_in_once_and_again_when_the_login_is_over()
    {
        _peer.Answers.AddRange([(200, LoggedIn), (200, Found), (200, Found), (403, "{\"errors\":[\"permission denied\"]}"), (200, LoggedIn.Replace("FAKE-1", "FAKE-2", StringComparison.Ordinal)), (200, Found), (200, LoggedIn), (200, Found)]);
        var store = Store(byAccount: true);

        await store.FetchAsync(Limits.Token);
        await store.FetchAsync(Limits.Token);
        _folder.Write("jwt", "FAKE.renewed.account");
        await store.FetchAsync(Limits.Token); // answered 403 once
        _peer.Time.Advance(TimeSpan.FromMinutes(59));
        await store.FetchAsync(Limits.Token); // the lease is over

        var asked = _peer.Origin.Requests.ToArray();
        Assert.Equal(["POST", "GET", "GET", "GET", "POST", "GET", "POST", "GET"], asked.Select(r => r.Method));
        Assert.Equal("/v1/auth/kubernetes/login", asked[0].Target);
        Assert.Equal(["{\"role\":\"gateway\",\"jwt\":\"FAKE.service.account\"}", "{\"role\":\"gateway\",\"jwt\":\"FAKE.renewed.account\"}"], [asked[0].Body, asked[4].Body]);
        Assert.Equal(["hvs.FAKE-1", "hvs.FAKE-1", "hvs.FAKE-1", "hvs.FAKE-2", "hvs.FAKE-1"], asked.Where(r => r.Method == "GET").Select(r => r.Headers["X-Vault-Token"]));
    }

    [Theory]
    [InlineData(403, "{\"errors\":[\"permission denied FAKE\"]}", "answered 403: the token is not valid, or may not read this path")]
    [InlineData(404, "{\"errors\":[]}", "answered 404: there is no such secret, or its last version was deleted")]
    [InlineData(503, "{\"errors\":[\"Vault is sealed\"]}", "answered 503: the store is sealed")]
    [InlineData(307, "", "answered 307")]
    [InlineData(200, "{\"data\":{\"data\":null,\"metadata\":{\"deletion_time\":\"2029-01-01T00:00:00Z\"}}}", "gave a version that was deleted")]
    [InlineData(200, "{\"data\":{\"key\":\"FAKE\"}}", "gave no data of an engine of the kind KV version 2")]
    [InlineData(200, "{\"data\":{\"data\":{\"other\":\"FAKE\"}}}", "gave a secret without a text 'key'")]
    [InlineData(200, "[]", "gave no data of an engine of the kind KV version 2")]
    [InlineData(200, "<html>", "gave what is no JSON")]
    public async Task What_is_no_secret_is_told_without_any_value(int status, string answer, string problem)
    {
        _peer.Answers.Add((status, answer));

        Assert.Equal($"https://localhost:{_peer.Origin.EndPoint.Port}/v1/kv/data/ci/open%20ai {problem}", await TokenPeer.ProblemOfAsync(() => Store().FetchAsync(Limits.Token)));
    }

    [Theory]
    [InlineData(400, "{\"errors\":[\"invalid role name\"]}", "answered 400: the role 'gateway' does not take this service account, or the method is not mounted there")]
    [InlineData(200, "{\"auth\":null}", "gave a 'client_token' that cannot be used: it is empty")]
    [InlineData(200, "[]", "gave a 'client_token' that cannot be used: it is empty")]
    public async Task A_login_that_is_refused_is_told(int status, string answer, string problem)
    {
        _peer.Answers.Add((status, answer));

        Assert.Equal($"https://localhost:{_peer.Origin.EndPoint.Port}/v1/auth/kubernetes/login {problem}", await TokenPeer.ProblemOfAsync(() => Store(byAccount: true).FetchAsync(Limits.Token)));
    }

    [Fact]
    public async Task A_value_that_would_split_a_header_is_refused()
    {
        _peer.Answers.Add((200, Found.Replace("FAKE-value", "FAKE\\r\\nX: 1", StringComparison.Ordinal)));

        Assert.EndsWith("cannot be used: character 5 of 10 is not visible ASCII", await TokenPeer.ProblemOfAsync(() => Store().FetchAsync(Limits.Token)), StringComparison.Ordinal);
    }

    private VaultStore Store(bool byAccount = false, string? space = null) => new(
        "s",
        new(VaultStore.Place.UrlOf(_peer.Url("/"), "kv", "ci/open ai"), "key", space),
        byAccount ? new(null, VaultStore.Place.At(_peer.Url("/"), "auth/kubernetes/login"), "gateway", _folder["jwt"]) : new(Given.Secret("t", "hvs.FAKE"), null, null, null),
        _peer.Service,
        new Freshness(TimeSpan.FromMinutes(5), TimeSpan.Zero),
        _peer.Time);
}
