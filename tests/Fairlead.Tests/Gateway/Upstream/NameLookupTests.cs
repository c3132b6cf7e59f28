using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Fairlead.Gateway.Upstream;

namespace Fairlead.Tests.Gateway.Upstream;

public sealed class NameLookupTests : IDisposable
{
    private static readonly IPAddress[] Found = [IPAddress.Parse("192.0.2.1")];

    private readonly ManualResetEventSlim _answers = new();
    private readonly ManualResetEventSlim _firstAnswers = new();
    private readonly ConcurrentQueue<string> _asked = new();
    private readonly FakeTimeProvider _time = new();
    private readonly NameLookup _names;

    public NameLookupTests() => _names = new NameLookup(Ask, TimeSpan.FromSeconds(5), _time);

    private IPAddress[] Ask(string name)
    {
        _asked.Enqueue(name);
        if (name == "first.test.") _firstAnswers.Wait(Limits.Token);
        if (name.StartsWith("slow", StringComparison.Ordinal)) _answers.Wait(Limits.Token);
        return name.StartsWith("none", StringComparison.Ordinal) ? throw new SocketException((int)SocketError.HostNotFound) : Found;
    }

    public void Dispose()
    {
        _answers.Set();
        _firstAnswers.Set();
        _answers.Dispose();
        _firstAnswers.Dispose();
    }

    [Fact]
    public async Task One_callers_hundred_slow_names_keep_no_other_from_resolving()
    {
        var slow = Enumerable.Range(0, 100).Select(i => _names.ResolveAsync("s1", $"slow{i}.test.", Limits.Token)).ToArray();

        Assert.Equal(Found, await _names.ResolveAsync("s2", "fast.test.", Limits.Token));
        Assert.InRange(_asked.Count(n => n.StartsWith("slow", StringComparison.Ordinal)), 0, NameLookup.MaxPerCaller);
        Assert.DoesNotContain(slow, s => s.IsCompleted);

        _answers.Set();
        Assert.All(await Task.WhenAll(slow), addresses => Assert.Equal(Found, addresses));
        Assert.Equal(101, _asked.Count);
    }

    [Fact]
    public async Task A_lookup_that_was_given_up_keeps_its_place_and_one_that_waited_is_never_begun()
    {
        using var left = CancellationTokenSource.CreateLinkedTokenSource(Limits.Token);
        var slow = Enumerable.Range(0, NameLookup.MaxPerCaller + 1).Select(i => _names.ResolveAsync("s1", $"slow{i}.test.", left.Token)).ToArray();
        await left.CancelAsync();
        foreach (var lookup in slow) await Assert.ThrowsAnyAsync<OperationCanceledException>(() => lookup);

        var next = _names.ResolveAsync("s1", "fast.test.", Limits.Token);
        Assert.Equal(Found, await _names.ResolveAsync("s2", "other.test.", Limits.Token));
        Assert.False(next.IsCompleted);

        _answers.Set();
        Assert.Equal(Found, await next);
        Assert.DoesNotContain($"slow{NameLookup.MaxPerCaller}.test.", _asked);
    }

    [Fact]
    public async Task Callers_of_one_name_share_its_lookup()
    {
        var lookups = Enumerable.Range(0, 50).Select(i => _names.ResolveAsync($"s{i % 5}", "slow.test.", Limits.Token)).ToArray();

        _answers.Set();
        await Task.WhenAll(lookups);

        Assert.Equal("slow.test.", Assert.Single(_asked));
    }

    [Fact]
    public async Task When_all_places_are_taken_the_next_goes_to_the_caller_with_the_fewest()
    {
        var slow = Enumerable.Range(0, NameLookup.MaxAtOnce * 2).Select(i => _names.ResolveAsync($"s{i % 8}", i == 0 ? "first.test." : $"slow{i}.test.", Limits.Token)).ToArray();
        var other = _names.ResolveAsync("other", "fast.test.", Limits.Token);
        Assert.False(other.IsCompleted);

        // One place becomes free, for which a hundred that came before it wait, too.
        _firstAnswers.Set();
        Assert.Equal(Found, await other);
        await slow[0];

        _ = Assert.Single(slow, s => s.IsCompleted);
        _answers.Set();
        await Task.WhenAll(slow);
    }

    [Fact]
    public async Task A_failure_is_told_and_its_place_is_free_again()
    {
        for (var i = 0; i < NameLookup.MaxAtOnce + 1; i++)
            await Assert.ThrowsAsync<SocketException>(() => _names.ResolveAsync("s1", $"none{i}.test.", Limits.Token));

        Assert.Equal(Found, await _names.ResolveAsync("s1", "fast.test.", Limits.Token));
    }

    [Fact]
    public async Task An_answer_is_used_again_by_all_for_its_time_and_a_failure_never()
    {
        foreach (var caller in new[] { "s1", "s1", "s2" }) Assert.Equal(Found, await _names.ResolveAsync(caller, "fast.test.", Limits.Token));
        Assert.Single(_asked);
        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(Found, await _names.ResolveAsync("s1", "fast.test.", Limits.Token));
        Assert.Equal(2, _asked.Count);

        for (var i = 0; i < 2; i++) await Assert.ThrowsAsync<SocketException>(() => _names.ResolveAsync("s1", "none.test.", Limits.Token));
        Assert.Equal(4, _asked.Count);
    }

    [Fact]
    public async Task Nothing_is_used_again_without_a_time()
    {
        var names = new NameLookup(Ask, TimeSpan.Zero, _time);

        for (var i = 0; i < 3; i++) await names.ResolveAsync("s1", "fast.test.", Limits.Token);

        Assert.Equal(3, _asked.Count);
    }

    [Fact]
    public async Task No_caller_makes_more_be_kept_than_is_said()
    {
        for (var i = 0; i < NameLookup.MaxKept + 1; i++) await _names.ResolveAsync("s1", $"fast{i}.test.", Limits.Token);
        await _names.ResolveAsync("s2", $"fast{NameLookup.MaxKept - 1}.test.", Limits.Token);
        Assert.Equal(NameLookup.MaxKept + 1, _asked.Count);

        // The one too many was not kept; once the others are too old it is.
        await _names.ResolveAsync("s2", $"fast{NameLookup.MaxKept}.test.", Limits.Token);
        Assert.Equal(NameLookup.MaxKept + 2, _asked.Count);
        _time.Advance(TimeSpan.FromSeconds(6));
        for (var i = 0; i < 2; i++) await _names.ResolveAsync("s2", $"fast{NameLookup.MaxKept}.test.", Limits.Token);
        Assert.Equal(NameLookup.MaxKept + 3, _asked.Count);
    }
}
