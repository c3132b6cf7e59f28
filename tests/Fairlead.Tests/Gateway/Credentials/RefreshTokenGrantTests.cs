using Fairlead.Gateway.Credentials;

namespace Fairlead.Tests.Gateway.Credentials;

public sealed class RefreshTokenGrantTests : IAsyncLifetime
{
    private const string Rotating = "{\"access_token\":\"FAKE-access\",\"token_type\":\"Bearer\",\"expires_in\":3600,\"refresh_token\":\"FAKE-refresh-2\"}";

    private readonly TempFolder _folder = new();
    private TokenPeer _peer = null!;

    public async ValueTask InitializeAsync() => _peer = await TokenPeer.StartAsync();

    public async ValueTask DisposeAsync()
    {
        await _peer.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_refresh_token_becomes_an_access_token()
    {
        _peer.Answers.Add((200, "{\"access_token\":\"FAKE-access\",\"expires_in\":3600}"));

        var kept = await Grant(scopes: ["read", "write"]).FetchAsync(Limits.Token);

        Assert.Equal(("FAKE-access", null), (kept.Value.Reveal(), kept.Note));
        var asked = Assert.Single(_peer.Origin.Requests);
        Assert.Equal("grant_type=refresh_token&refresh_token=FAKE-refresh-1&scope=read+write", asked.Body);
        Assert.Equal("Basic " + Convert.ToBase64String("client:FAKE-client"u8), asked.Headers["Authorization"]);
    }

    [Fact]
    public async Task A_public_client_names_itself_and_has_no_secret()
    {
        _peer.Answers.Add((200, Rotating));

        await Grant(isPublic: true).FetchAsync(Limits.Token);

        var asked = Assert.Single(_peer.Origin.Requests);
        Assert.Equal("grant_type=refresh_token&refresh_token=FAKE-refresh-1&client_id=client", asked.Body);
        Assert.False(asked.Headers.ContainsKey("Authorization"));
    }

    [Fact]
    public async Task A_new_refresh_token_is_on_the_disk_before_the_access_token_is_used_and_survives_a_restart()
    {
        _peer.Answers.Add((200, Rotating));
        var first = await Grant(state: _folder["state"]).FetchAsync(Limits.Token);
        var mode = File.GetUnixFileMode(_folder["state"]);
        Assert.Contains("FAKE-refresh-2", await File.ReadAllTextAsync(_folder["state"], Limits.Token), StringComparison.Ordinal);

        RefreshToken.ForgetAll();
        await Grant(state: _folder["state"]).FetchAsync(Limits.Token);

        Assert.Equal((UnixFileMode.UserRead | UnixFileMode.UserWrite, null), (mode, first.Note));
        Assert.Equal(["FAKE-refresh-1", "FAKE-refresh-2"], Sent());
    }

    [Fact]
    public async Task A_token_that_the_operator_replaced_wins_over_the_file()
    {
        _peer.Answers.Add((200, Rotating));
        await Grant(state: _folder["state"]).FetchAsync(Limits.Token);
        RefreshToken.ForgetAll();

        await Grant(state: _folder["state"], refresh: "FAKE-refresh-new").FetchAsync(Limits.Token);

        Assert.Equal(["FAKE-refresh-1", "FAKE-refresh-new"], Sent());
    }

    [Fact]
    public async Task Without_a_file_a_new_one_is_kept_in_memory_also_for_a_configuration_that_is_loaded_again_and_somebody_is_told()
    {
        _peer.Answers.Add((200, Rotating));
        var kept = await Grant().FetchAsync(Limits.Token);

        await Grant().FetchAsync(Limits.Token);

        Assert.Equal($"https://localhost:{_peer.Origin.EndPoint.Port}/token gave a new refresh token, which a restart loses: name a file for it ('state')", kept.Note);
        Assert.Equal(["FAKE-refresh-1", "FAKE-refresh-2"], Sent());
    }

    [Fact]
    public async Task Who_asks_at_once_uses_no_refresh_token_twice()
    {
        _peer.Answers.AddRange(Enumerable.Range(2, 8).Select(i => (200, Rotating.Replace("refresh-2", $"refresh-{i}", StringComparison.Ordinal))));

        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Grant().FetchAsync(Limits.Token)));

        Assert.Equal(Enumerable.Range(1, 8).Select(i => $"FAKE-refresh-{i}"), Sent());
    }

    [Fact]
    public async Task A_file_that_cannot_be_written_gives_no_access_token_and_loses_no_refresh_token()
    {
        _peer.Answers.Add((200, Rotating));
        Directory.CreateDirectory(_folder["state"] + "/in-its-place");

        var problem = await TokenPeer.ProblemOfAsync(() => Grant(state: _folder["state"]).FetchAsync(Limits.Token));
        Directory.Delete(_folder["state"], recursive: true);
        await Grant(state: _folder["state"]).FetchAsync(Limits.Token);

        Assert.StartsWith("the new refresh token cannot be kept in ", problem, StringComparison.Ordinal);
        Assert.Equal(["FAKE-refresh-1", "FAKE-refresh-2"], Sent());
        Assert.Contains("FAKE-refresh-2", await File.ReadAllTextAsync(_folder["state"], Limits.Token), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_that_others_can_read_is_not_used()
    {
        File.SetUnixFileMode(_folder.Write("state", "{}"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherRead);

        Assert.StartsWith("expected mode 0600 on ", await TokenPeer.ProblemOfAsync(() => Grant(state: _folder["state"]).FetchAsync(Limits.Token)), StringComparison.Ordinal);

        Assert.Empty(_peer.Origin.Requests);
    }

    [Theory]
    [InlineData(400, "{\"error\":\"invalid_grant\",\"error_description\":\"FAKE-refresh-1 is void\"}", "answered 400 (invalid_grant)")]
    [InlineData(200, "{\"access_token\":\"FAKE\",\"refresh_token\":\"FAKE\\r\\nX: 1\"}", "gave a 'refresh_token' that cannot be used: character 5 of 10 is not visible ASCII")]
    [InlineData(200, "[\"refresh_token\"]", "gave an 'access_token' that cannot be used: it is empty")]
    public async Task What_is_no_token_is_told_without_any_value(int status, string answer, string problem)
    {
        _peer.Answers.Add((status, answer));

        Assert.Equal($"https://localhost:{_peer.Origin.EndPoint.Port}/token {problem}", await TokenPeer.ProblemOfAsync(() => Grant().FetchAsync(Limits.Token)));
    }

    [Theory]
    [InlineData("application/json; charset=utf8")]
    [InlineData("application/json; charset=FAKE")]
    [InlineData("application/json; charset=utf-16")]
    public async Task What_an_endpoint_calls_its_encoding_loses_no_token(string type)
    {
        _peer.Type = type;
        _peer.Answers.Add((200, Rotating));

        Assert.Equal("FAKE-access", (await Grant().FetchAsync(Limits.Token)).Value.Reveal());
        await Grant().FetchAsync(Limits.Token);

        Assert.Equal(["FAKE-refresh-1", "FAKE-refresh-2"], Sent());
    }

    private IEnumerable<string> Sent() => _peer.Origin.Requests.Select(r => r.Body.Split('&')[1].Split('=')[1]);

    private RefreshTokenGrant Grant(string? state = null, string refresh = "FAKE-refresh-1", bool isPublic = false, string[]? scopes = null) =>
        new(new(_peer.Url("/token"), "client", isPublic ? null : Given.Secret("s", "FAKE-client"), Given.Secret("r", refresh), state, false, scopes ?? []), _peer.Service, _peer.Time);
}
