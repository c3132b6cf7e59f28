using System.Net;
using Fairlead.Gateway.Credentials;
using Microsoft.AspNetCore.Http;

namespace Fairlead.Tests.Gateway.Credentials;

public sealed class ClientCredentialsGrantTests : IAsyncLifetime
{
    private readonly OriginCa _ca = new();
    private readonly FakeTimeProvider _time = new();
    private Origin _endpoint = null!;
    private int _status = 200;
    private string _answer = "";

    public async ValueTask InitializeAsync() => _endpoint = await Origin.StartAsync(_ca, context =>
    {
        context.Response.StatusCode = _status;
        if (_status == 302) context.Response.Headers.Location = "/elsewhere";
        return context.Response.WriteAsync(_answer);
    });

    public async ValueTask DisposeAsync()
    {
        await _endpoint.DisposeAsync();
        _ca.Dispose();
    }

    [Theory]
    [InlineData("3600", 3540, 3600)]
    [InlineData("\"3600\"", 3540, 3600)]
    [InlineData("100", 80, 100)]
    [InlineData("0", 0, 0)]
    [InlineData("-5", 0, 0)]
    [InlineData("1e300", 86340, 86400)]
    [InlineData("null", 240, 300)]
    public async Task A_token_is_fresh_until_shortly_before_it_expires(string expiresIn, int fresh, int usable)
    {
        _answer = $"{{\"access_token\":\"FAKE-token\",\"token_type\":\"bearer\",\"expires_in\":{expiresIn}}}";

        var kept = await Grant().FetchAsync(Limits.Token);

        Assert.Equal(("FAKE-token", fresh, usable), (kept.Value.Reveal(), (int)(kept.FreshUntil - _time.GetUtcNow()).TotalSeconds, (int)(kept.UsableUntil - _time.GetUtcNow()).TotalSeconds));
    }

    [Fact]
    public async Task The_client_is_named_in_the_body_where_the_endpoint_wants_it_there()
    {
        _answer = "{\"access_token\":\"FAKE-token\"}";

        await Grant(isInBody: true).FetchAsync(Limits.Token);

        var asked = Assert.Single(_endpoint.Requests);
        Assert.Equal("grant_type=client_credentials&client_id=client&client_secret=FAKE-client-secret", asked.Body);
        Assert.False(asked.Headers.ContainsKey("Authorization"));
    }

    [Theory]
    [InlineData(401, "{\"error\":\"invalid_client\",\"error_description\":\"FAKE-client-secret is wrong\"}", "answered 401 (invalid_client)")]
    [InlineData(400, "{\"error\":\"FAKE Secret!\"}", "answered 400")]
    [InlineData(500, "<html>", "answered 500")]
    [InlineData(302, "", "answered 302")]
    [InlineData(200, "<html>", "gave what is no JSON")]
    [InlineData(200, "[]", "gave an 'access_token' that cannot be used: it is empty")]
    [InlineData(200, "{\"access_token\":\"FAKE\\r\\nX: 1\"}", "gave an 'access_token' that cannot be used: character 5 of 10 is not visible ASCII")]
    [InlineData(200, "{\"access_token\":\"FAKE\",\"token_type\":\"mac\"}", "gave a token of another type than Bearer")]
    public async Task What_is_no_token_is_told_without_any_value(int status, string answer, string problem)
    {
        (_status, _answer) = (status, answer);

        var message = (await Assert.ThrowsAsync<CredentialException>(() => Grant().FetchAsync(Limits.Token))).Message;

        Assert.Equal($"https://localhost:{_endpoint.EndPoint.Port}/token {problem}", message);
        Assert.Single(_endpoint.Requests);
    }

    [Fact]
    public async Task The_secret_of_a_client_goes_only_over_verified_TLS()
    {
        using var other = new OriginCa("CN=Another CA");

        await Assert.ThrowsAsync<CredentialException>(() => Grant(trusted: other).FetchAsync(Limits.Token));

        Assert.Empty(_endpoint.Requests);
    }

    private ClientCredentialsGrant Grant(bool isInBody = false, OriginCa? trusted = null) =>
        new(new(new Uri($"https://localhost:{_endpoint.EndPoint.Port}/token"), "client", Given.Secret("s", "FAKE-client-secret"), isInBody, [], null), new SecretService([(trusted ?? _ca).Root]), _time);
}
