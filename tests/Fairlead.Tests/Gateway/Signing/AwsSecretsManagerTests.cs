using System.Text;
using System.Text.Json;
using Fairlead.Gateway.Credentials;
using Fairlead.Gateway.Signing;
using Fairlead.Tests.Gateway.Credentials;
using Microsoft.AspNetCore.Http;

namespace Fairlead.Tests.Gateway.Signing;

public sealed class AwsSecretsManagerTests : IAsyncLifetime
{
    private const string SecretKey = "FAKE/secret+access+key/of-the/gateway";

    private readonly OriginCa _ca = new();
    private readonly FakeTimeProvider _time = new();
    private Origin _store = null!;
    private int _status = 200;
    private string _answer = "";

    public async ValueTask InitializeAsync() => _store = await Origin.StartAsync(_ca, context =>
    {
        context.Response.StatusCode = _status;
        return context.Response.WriteAsync(_answer);
    });

    public async ValueTask DisposeAsync()
    {
        await _store.DisposeAsync();
        _ca.Dispose();
    }

    [Theory]
    [InlineData("{\"SecretString\":\"FAKE-value\\n\"}", null, "FAKE-value")]
    [InlineData("{\"SecretString\":\"{\\\"user\\\":\\\"u\\\",\\\"password\\\":\\\"FAKE-password\\\"}\"}", "password", "FAKE-password")]
    [InlineData("{\"SecretBinary\":\"RkFLRS1ieXRlcw==\"}", null, "FAKE-bytes")]
    public async Task A_secret_is_asked_for_with_a_signature(string answer, string? field, string value)
    {
        _answer = answer;

        var kept = await Store(field: field, token: "FAKE-session-token").FetchAsync(Limits.Token);

        Assert.Equal((value, 300, 360), (kept.Value.Reveal(), (int)(kept.FreshUntil - _time.GetUtcNow()).TotalSeconds, (int)(kept.UsableUntil - _time.GetUtcNow()).TotalSeconds));
        var asked = Assert.Single(_store.Requests);
        Assert.Equal(("POST", "/", "{\"SecretId\":\"prod/db\",\"VersionStage\":\"AWSPREVIOUS\"}", "secretsmanager.GetSecretValue"), (asked.Method, asked.Target, asked.Body, asked.Headers["X-Amz-Target"]));
        string[] names = ["content-type", "host", "x-amz-date", "x-amz-security-token", "x-amz-target"];
        var key = new AwsKey(SecretKey, new("eu-north-1", "secretsmanager"), _time.GetUtcNow());
        var canonical = AwsCanonicalRequest.Of("POST", "/", names.Select(n => KeyValuePair.Create(n, asked.Headers[n])), AwsKey.Hash(Encoding.UTF8.GetBytes(asked.Body)), isPathPlain: false);
        Assert.Equal(key.Authorization("FAKEKEYID", names, key.Sign(canonical)), asked.Headers["Authorization"]);
        Assert.Equal(("FAKE-session-token", key.Date), (asked.Headers["X-Amz-Security-Token"], asked.Headers["X-Amz-Date"]));
    }

    [Theory]
    [InlineData(400, "{\"__type\":\"ResourceNotFoundException\",\"Message\":\"Secrets Manager can't find FAKE-value\"}", null, "answered 400 (ResourceNotFoundException)")]
    [InlineData(400, "{\"__type\":\"com.amazon.coral#AccessDeniedException\"}", null, "answered 400 (AccessDeniedException)")]
    [InlineData(400, "{\"__type\":\"FAKE value!\"}", null, "answered 400")]
    [InlineData(500, "<html>", null, "answered 500")]
    [InlineData(200, "<html>", null, "gave what is no JSON, or no base64")]
    [InlineData(200, "{\"SecretBinary\":\"FAKE!\"}", null, "gave what is no JSON, or no base64")]
    [InlineData(200, "{\"SecretString\":\"\\ud800\"}", null, "gave no 'SecretString'")]
    [InlineData(400, "{\"__type\":\"\\ud800\"}", null, "answered 400")]
    [InlineData(200, "[]", null, "gave no 'SecretString'")]
    [InlineData(200, "{\"SecretString\":\"FAKE-value\"}", "password", "gave a secret that is no JSON, so that it has no field 'password'")]
    [InlineData(200, "{\"SecretString\":\"{\\\"password\\\":7}\"}", "password", "gave a secret without a text in the field 'password'")]
    public async Task What_is_no_secret_is_told_without_any_value(int status, string answer, string? field, string problem)
    {
        (_status, _answer) = (status, answer);

        var message = (await Assert.ThrowsAsync<CredentialException>(() => Store(field: field).FetchAsync(Limits.Token))).Message;

        Assert.Equal($"https://localhost:{_store.EndPoint.Port}/ {problem}", message);
    }

    [Fact]
    public async Task A_value_that_cannot_be_sent_is_refused()
    {
        _answer = JsonSerializer.Serialize(new { SecretString = "FAKE\r\nX: 1" });

        var message = (await Assert.ThrowsAsync<CredentialException>(() => Store().FetchAsync(Limits.Token))).Message;

        Assert.Contains("cannot be used: character 5 of 10 is not visible ASCII", message, StringComparison.Ordinal);
    }

    private AwsSecretsManager Store(string? field = null, string? token = null) => new(
        new("db", new Uri($"https://localhost:{_store.EndPoint.Port}/"), "eu-north-1", "prod/db", field, "AWSPREVIOUS", "FAKEKEYID", Given.Secret("k", SecretKey), token is null ? null : Given.Secret("t", token)),
        new SecretService([_ca.Root]),
        new Freshness(TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(1)),
        _time);
}
