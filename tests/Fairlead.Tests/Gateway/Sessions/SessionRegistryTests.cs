using System.Text;
using Fairlead.Gateway.Sessions;

namespace Fairlead.Tests.Gateway.Sessions;

public sealed class SessionRegistryTests
{
    private static readonly Session One = Edge.SessionOf("one", "FAKE-token-1");
    private static readonly Session Two = Edge.SessionOf("two", "FAKE-token:2");
    private static readonly SessionRegistry Registry = new(new SessionSet([One, Two]), TimeProvider.System);

    [Theory]
    [InlineData("Bearer FAKE-token-1", "one")]
    [InlineData("bearer FAKE-token-1", "one")]
    [InlineData("BEARER   FAKE-token-1  ", "one")]
    [InlineData("Bearer FAKE-token:2", "two")]
    [InlineData(null, null)]
    [InlineData("", null)]
    [InlineData("Bearer", null)]
    [InlineData("Bearer ", null)]
    [InlineData("BearerFAKE-token-1", null)]
    [InlineData("Basic FAKE-token-1", null)]
    [InlineData("FAKE-token-1", null)]
    [InlineData("Bearer FAKE-token-", null)]
    [InlineData("Bearer FAKE-token-11", null)]
    [InlineData("Bearer fake-token-1", null)]
    [InlineData("Bearer FAKE-token-1,FAKE-token-1", null)]
    [InlineData("Bearer FAKE-token-1, Bearer FAKE-token-1", null)]
    [InlineData("Bearer one:FAKE-token-1", null)]
    [InlineData("Bearer FAKE-token-1\0", null)]
    [InlineData(" Bearer FAKE-token-1", null)]
    public async Task The_bearer_token_says_who_calls(string? authorization, string? session)
    {
        var (lease, why) = await Registry.AuthenticateAsync(authorization, Limits.Token);

        Assert.Equal(session, lease?.Current.Id);
        Assert.Equal(session is null ? "no session of the configuration has this token" : "", why);
    }

    [Fact]
    public async Task Other_sessions_are_put_into_force_and_those_that_ended_are_told()
    {
        using var registry = new SessionRegistry(new SessionSet([One, Two]), TimeProvider.System);
        var ended = new List<string>();
        registry.Ended = (id, _) => ended.Add(id);
        var (one, two) = ((await AskAsync(registry, "FAKE-token-1"))!, (await AskAsync(registry, "FAKE-token:2"))!);
        var renewed = Edge.SessionOf("one", "FAKE-token-1", ["deny * **"]);

        registry.Replace(new SessionSet([renewed, Edge.SessionOf("two", "FAKE-token-3"), Edge.SessionOf("three", "FAKE-token-4")]));

        Assert.Equal(["two"], ended);
        Assert.Same(renewed, one.Current);
        Assert.Same(one, await AskAsync(registry, "FAKE-token-1"));
        Assert.False(one.Revoked.IsCancellationRequested);
        // The same id with another token is another session: whoever held the old token has lost it.
        Assert.True(two.Revoked.IsCancellationRequested);
        Assert.Null(await AskAsync(registry, "FAKE-token:2"));
        Assert.Equal("two", (await AskAsync(registry, "FAKE-token-3"))?.Current.Id);
        Assert.Equal("three", (await AskAsync(registry, "FAKE-token-4"))?.Current.Id);
    }

    [Fact]
    public async Task A_revoked_session_of_the_configuration_is_refused_until_it_is_taken_out_of_the_list()
    {
        using var registry = new SessionRegistry(new SessionSet([One, Two]), TimeProvider.System);
        var one = (await AskAsync(registry, "FAKE-token-1"))!;

        registry.Revoke("one");

        Assert.True(one.Revoked.IsCancellationRequested);
        Assert.Equal("the session was revoked", one.WhyEnded);
        Assert.Null(await AskAsync(registry, "FAKE-token-1"));
        Assert.NotNull(await AskAsync(registry, "FAKE-token:2"));
        // A configuration that was read before the list was written does not bring it back.
        registry.Replace(new SessionSet([One, Two]));
        Assert.Null(await AskAsync(registry, "FAKE-token-1"));
        registry.Replace(new SessionSet([One, Two], [], [], new HashSet<string> { "one" }));
        registry.Replace(new SessionSet([One, Two]));
        Assert.NotNull(await AskAsync(registry, "FAKE-token-1"));
    }

    [Theory]
    [InlineData("Basic", "one:FAKE-token-1", true)]
    [InlineData("basic", "one:FAKE-token-1", true)]
    [InlineData("Basic", "one:FAKE-token-2", false)]
    [InlineData("Basic", "two:FAKE-token-1", false)]
    [InlineData("Basic", "two:FAKE-token:2", false)]
    [InlineData("Basic", "ONE:FAKE-token-1", false)]
    [InlineData("Basic", "one:", false)]
    [InlineData("Basic", ":FAKE-token-1", false)]
    [InlineData("Basic", ":", false)]
    [InlineData("Basic", "", false)]
    [InlineData("Basic", "one", false)]
    [InlineData("Basic", "oneFAKE-token-1", false)]
    [InlineData("Basic", "one:FAKE-token-1:", false)]
    [InlineData("Basic", "one\0:FAKE-token-1", false)]
    [InlineData("Basic", "one:FAKE-token-1\n", false)]
    [InlineData("Bearer", "one:FAKE-token-1", false)]
    [InlineData("Basi", "one:FAKE-token-1", false)]
    public void Basic_must_name_the_session_of_the_token_and_the_token(string scheme, string userAndPassword, bool confirms) =>
        Assert.Equal(confirms, SessionRegistry.Confirms(One, $"{scheme} {Convert.ToBase64String(Encoding.UTF8.GetBytes(userAndPassword))}"));

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("Basic")]
    [InlineData("Basic ")]
    [InlineData("Basic ====")]
    [InlineData("Basic !!!!")]
    [InlineData("Basic b25lOkZBS0UtdG9rZW4tM")]
    [InlineData("Basic one:FAKE-token-1")]
    [InlineData("Basic b25lOkZBS0UtdG9rZW4tMQ== b25lOkZBS0UtdG9rZW4tMQ==")]
    [InlineData("Basic b25lOkZBS0UtdG9rZW4tMQ==, Basic b25lOkZBS0UtdG9rZW4tMQ==")]
    public void What_is_not_basic_confirms_nothing(string? authorization) => Assert.False(SessionRegistry.Confirms(One, authorization));

    [Fact]
    public void A_password_may_hold_colons() =>
        Assert.True(SessionRegistry.Confirms(Two, "Basic " + Convert.ToBase64String("two:FAKE-token:2"u8)));

    [Fact]
    public void The_token_itself_is_not_kept() => Assert.DoesNotContain("FAKE-token-1", Encoding.Latin1.GetString(One.TokenHash), StringComparison.Ordinal);

    private static async Task<SessionLease?> AskAsync(SessionRegistry registry, string token) => (await registry.AuthenticateAsync($"Bearer {token}", Limits.Token)).Lease;
}
