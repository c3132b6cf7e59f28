using Fairlead.Gateway.Credentials;

namespace Fairlead.Tests.Gateway.Credentials;

public sealed class FetchedSecretTests : IDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly TempFolder _folder = new();
    private readonly List<string?> _told = [];
    private int _fetches;
    private string? _fault;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_fresh_value_is_not_fetched_again()
    {
        var secret = Secret(TimeSpan.Zero);

        Assert.Equal("FAKE-1", await ValueAsync(secret));
        _time.Advance(TimeSpan.FromMinutes(4));
        Assert.Equal("FAKE-1", await ValueAsync(secret));
        _time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal("FAKE-2", await ValueAsync(secret));
    }

    [Fact]
    public async Task All_who_wait_share_one_fetch()
    {
        var gate = new TaskCompletionSource();
        var secret = new FetchedSecret("s", async _ =>
        {
            await gate.Task;
            return Next(TimeSpan.Zero);
        }, _time);

        var waiting = Enumerable.Range(0, 50).Select(_ => ValueAsync(secret)).ToArray();
        gate.SetResult();

        Assert.All(await Task.WhenAll(waiting), value => Assert.Equal("FAKE-1", value));
    }

    [Fact]
    public async Task One_who_leaves_takes_the_fetch_from_nobody()
    {
        var gate = new TaskCompletionSource();
        var secret = new FetchedSecret("s", async _ =>
        {
            await gate.Task;
            return Next(TimeSpan.Zero);
        }, _time);
        using var leaves = new CancellationTokenSource();
        var first = secret.GetAsync(leaves.Token).AsTask();
        var second = ValueAsync(secret);

        await leaves.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        gate.SetResult();

        Assert.Equal("FAKE-1", await second);
    }

    [Fact]
    public async Task Without_a_usable_value_a_failure_denies_is_told_once_and_is_not_repeated_at_once()
    {
        var secret = Secret(TimeSpan.Zero);
        await ValueAsync(secret);
        _time.Advance(TimeSpan.FromMinutes(5));
        _fault = "it is away";

        for (var i = 0; i < 3; i++) Assert.Equal("it is away", (await Assert.ThrowsAsync<CredentialException>(() => ValueAsync(secret))).Message);
        Assert.Equal(2, _fetches);
        _time.Advance(TimeSpan.FromSeconds(5));
        await Assert.ThrowsAsync<CredentialException>(() => ValueAsync(secret));
        Assert.Equal(3, _fetches);
        _fault = null;
        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal("FAKE-4", await ValueAsync(secret));

        Assert.Equal(["it is away", null], _told);
    }

    [Fact]
    public async Task A_stale_value_is_used_for_as_long_as_it_was_said()
    {
        var secret = Secret(TimeSpan.FromHours(1));
        await ValueAsync(secret);
        _fault = "it is away";

        _time.Advance(TimeSpan.FromMinutes(64));
        Assert.Equal("FAKE-1", await ValueAsync(secret));
        _time.Advance(TimeSpan.FromMinutes(1));
        await Assert.ThrowsAsync<CredentialException>(() => ValueAsync(secret));

        Assert.Equal(["it is away"], _told);
    }

    [Theory]
    [InlineData("echo FAKE-value", "FAKE-value", null)]
    [InlineData("echo \"$FAIRLEAD_TEST_HIDDEN-$FAIRLEAD_TEST_SHOWN\"", "-shown", null)]
    [InlineData("echo FAKE-secret >&2; exit 3", null, "/bin/sh ended with 3")]
    [InlineData("printf 'FAKE\\nX: 1\\n'", null, "what /bin/sh gave cannot be used: character 5 of 9 is not visible ASCII")]
    [InlineData("true", null, "what /bin/sh gave cannot be used: it is empty")]
    [InlineData("head -c 100000 /dev/zero", null, "/bin/sh gave more than 65536 bytes")]
    public async Task A_program_gives_a_value_or_the_reason_holds_none(string script, string? value, string? problem)
    {
        Environment.SetEnvironmentVariable("FAIRLEAD_TEST_HIDDEN", "FAKE-hidden");
        Environment.SetEnvironmentVariable("FAIRLEAD_TEST_SHOWN", "shown");
        var command = new SecretCommand("s", ["/bin/sh", "-c", script], ["FAIRLEAD_TEST_HIDDEN"], new(TimeSpan.FromMinutes(5), TimeSpan.Zero), _time);

        if (problem is null) Assert.Equal(value, (await command.FetchAsync(Limits.Token)).Value.Reveal());
        else Assert.Equal(problem, (await Assert.ThrowsAsync<CredentialException>(() => command.FetchAsync(Limits.Token))).Message);
    }

    [Fact]
    public async Task A_program_that_is_not_there_is_told()
    {
        var command = new SecretCommand("s", [_folder["missing"]], [], new(TimeSpan.FromMinutes(5), TimeSpan.Zero), _time);

        Assert.StartsWith($"{_folder["missing"]} cannot be started: ", (await Assert.ThrowsAsync<CredentialException>(() => command.FetchAsync(Limits.Token))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_program_that_does_not_end_is_ended_with_its_children()
    {
        using var hurry = new CancellationTokenSource(TimeSpan.FromMilliseconds(300));
        var command = new SecretCommand("s", ["/bin/sh", "-c", $"sleep 600 & echo $! > {_folder["pid"]}; wait"], [], new(TimeSpan.FromMinutes(5), TimeSpan.Zero), _time);

        var problem = (await Assert.ThrowsAsync<CredentialException>(() => command.FetchAsync(hurry.Token))).Message;

        Assert.Equal("/bin/sh did not end within 10 s", problem);
        var pid = File.Exists(_folder["pid"]) ? File.ReadAllText(_folder["pid"]).Trim() : "";
        while (pid.Length > 0 && IsRunning(pid)) await Task.Delay(Limits.Poll, Limits.Token);
    }

    private static bool IsRunning(string pid) => File.Exists($"/proc/{pid}/status") && !File.ReadAllText($"/proc/{pid}/status").Contains("State:\tZ", StringComparison.Ordinal);

    private FetchedSecret Secret(TimeSpan stale) => new("s", _ => _fault is null ? Task.FromResult(Next(stale)) : Failing(), _time) { Changed = _told.Add };

    private Task<FetchedSecret.Kept> Failing()
    {
        _fetches++;
        throw new CredentialException(_fault!);
    }

    private FetchedSecret.Kept Next(TimeSpan stale) =>
        new(Given.Secret("s", $"FAKE-{++_fetches}"), _time.GetUtcNow() + TimeSpan.FromMinutes(5), _time.GetUtcNow() + TimeSpan.FromMinutes(5) + stale);

    private static async Task<string> ValueAsync(FetchedSecret secret) => (await secret.GetAsync(Limits.Token)).Reveal();
}
