using System.Net;
using System.Security.Cryptography.X509Certificates;
using Fairlead.Gateway.Identity;
using Microsoft.AspNetCore.Http;

namespace Fairlead.Tests.Gateway.Identity;

/// <summary>Keys by URL, from a real server over TLS.</summary>
public sealed class FetchedKeysTests : IAsyncDisposable
{
    private readonly OriginCa _ca = new();
    private readonly FakeTimeProvider _time = new();
    private string _answer = new Signer().Jwks();
    private int _status = 200;
    private Task _before = Task.CompletedTask;
    private string? _location;
    private Origin? _origin;

    public async ValueTask DisposeAsync()
    {
        if (_origin is not null) await _origin.DisposeAsync();
        _ca.Dispose();
    }

    [Fact]
    public async Task Keys_are_fetched_once_kept_and_fetched_again_when_they_are_old_or_one_is_missing()
    {
        using var keys = await StartAsync("/jwks");

        Assert.Single(await FindAsync(keys, "k1"));
        Assert.Single(await FindAsync(keys, "k1"));
        Assert.Single(_origin!.Requests);
        Assert.Null(keys.Problem);

        _answer = new Signer().Jwks("k2");
        // Right after a fetch none follows, or anybody could make us hammer the issuer with invented key ids.
        Assert.Empty(await FindAsync(keys, "k2"));
        Assert.Single(_origin.Requests);
        _time.Advance(TimeSpan.FromSeconds(6));
        Assert.Single(await FindAsync(keys, "k2"));
        Assert.Equal(2, _origin.Requests.Count);
        _time.Advance(TimeSpan.FromMinutes(6));
        Assert.Single(await FindAsync(keys, "k2"));
        await UntilAsync(() => _origin.Requests.Count == 3);
    }

    [Fact]
    public async Task While_the_issuer_is_away_the_keys_before_stay()
    {
        using var keys = await StartAsync("/jwks");
        Assert.Single(await FindAsync(keys, "k1"));

        _status = 503;
        _time.Advance(TimeSpan.FromMinutes(6));

        Assert.Single(await FindAsync(keys, "k1"));
        await UntilAsync(() => keys.Problem?.Contains("answered 503", StringComparison.Ordinal) == true);
        _status = 200;
        _time.Advance(TimeSpan.FromMinutes(6));
        Assert.Single(await FindAsync(keys, "k1"));
        await UntilAsync(() => keys.Problem is null);
    }

    [Theory]
    [InlineData(302, "{}", "answered 302")]
    [InlineData(200, "no json", "expected a JSON Web Key Set")]
    [InlineData(200, "{\"keys\":[]}", "holds no RSA key")]
    [InlineData(200, "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}", "holds no RSA key")]
    public async Task What_is_no_key_set_is_said(int status, string answer, string why)
    {
        (_status, _answer, _location) = (status, answer, "/elsewhere");
        using var keys = await StartAsync("/jwks");

        Assert.Empty(await FindAsync(keys, null));

        Assert.Contains(why, keys.Problem, StringComparison.Ordinal);
        Assert.Single(_origin!.Requests);
    }

    [Fact]
    public async Task An_issuer_that_is_not_trusted_gives_no_keys()
    {
        _origin = await Origin.StartAsync(_ca, AnswerAsync);
        using var other = new OriginCa("CN=Another CA");
        using var keys = new FetchedKeys(new Uri($"https://127.0.0.1:{_origin.EndPoint.Port}/jwks"), false, [other.Root], () => "FAKE-bearer", _time);

        Assert.Empty(await FindAsync(keys, "k1"));

        Assert.Contains("cannot be had", keys.Problem, StringComparison.Ordinal);
        Assert.Empty(_origin.Requests);
    }

    [Fact]
    public async Task Discovery_follows_the_document_of_the_issuer_itself_only()
    {
        using var keys = await StartAsync("", isDiscovered: true);
        Assert.Single(await FindAsync(keys, "k1"));
        Assert.Equal(["/issuer/.well-known/openid-configuration", "/jwks"], _origin!.Requests.Select(r => r.Target));

        using var other = new FetchedKeys(new Uri($"https://127.0.0.1:{_origin.EndPoint.Port}/other"), true, [_ca.Root], () => null, _time);
        Assert.Empty(await FindAsync(other, "k1"));
        Assert.Contains("not that of the issuer", other.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_hangs_up_stops_the_fetch_for_nobody_and_all_wait_for_one()
    {
        var gate = new TaskCompletionSource();
        _before = gate.Task;
        using var keys = await StartAsync("/jwks");
        using var impatient = new CancellationTokenSource();
        var first = keys.FindAsync("k1", impatient.Token).AsTask();
        var others = Enumerable.Range(0, 8).Select(_ => FindAsync(keys, "k1")).ToArray();
        await impatient.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);

        gate.SetResult();

        foreach (var other in others) Assert.Single(await other);
        Assert.Single(_origin!.Requests);
    }

    [Theory]
    [InlineData("FAKE\nX: 1")]
    [InlineData("")]
    public async Task A_token_for_the_fetch_that_cannot_be_used_is_a_problem_and_no_crash(string token)
    {
        using var keys = await StartAsync("/jwks", bearer: () => token.Length > 0 ? token : throw new InvalidDataException("the token for the fetch: gone"));

        Assert.Empty(await FindAsync(keys, "k1"));

        Assert.Contains("cannot be had", keys.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_fetch_carries_the_token_that_the_file_has_now()
    {
        var token = "FAKE-1";
        using var keys = await StartAsync("/jwks", bearer: () => token);
        _ = await FindAsync(keys, "k1");
        token = "FAKE-2";
        _time.Advance(TimeSpan.FromMinutes(6));
        _ = await FindAsync(keys, "k1");
        await UntilAsync(() => _origin!.Requests.Count == 2);

        Assert.Equal(["Bearer FAKE-1", "Bearer FAKE-2"], _origin!.Requests.Select(r => r.Headers["Authorization"]));
    }

    private async Task<FetchedKeys> StartAsync(string path, bool isDiscovered = false, Func<string?>? bearer = null)
    {
        _origin = await Origin.StartAsync(_ca, AnswerAsync);
        return new FetchedKeys(new Uri($"https://127.0.0.1:{_origin.EndPoint.Port}{(isDiscovered ? "/issuer" : path)}"), isDiscovered, new X509Certificate2Collection(_ca.Root), bearer ?? (() => null), _time);
    }

    private async Task AnswerAsync(HttpContext context)
    {
        await _before;
        context.Response.StatusCode = _status;
        if (_location is not null) context.Response.Headers.Location = _location;
        var self = $"https://127.0.0.1:{_origin!.EndPoint.Port}";
        await context.Response.WriteAsync(context.Request.Path.Value!.EndsWith("openid-configuration", StringComparison.Ordinal) ? $$"""{"issuer":"{{self}}/issuer","jwks_uri":"{{self}}/jwks"}""" : _answer);
    }

    private static async Task<IReadOnlyList<Microsoft.IdentityModel.Tokens.SecurityKey>> FindAsync(FetchedKeys keys, string? keyId) => await keys.FindAsync(keyId, Limits.Token);

    private static async Task UntilAsync(Func<bool> holds)
    {
        while (!holds()) await Task.Delay(Limits.Poll, Limits.Token);
    }
}
