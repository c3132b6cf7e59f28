using System.Net.Security;
using Fairlead.Gateway.Interception;
using Fairlead.Wire;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fairlead.Tests.Gateway.Interception;

public sealed class LeafCertificatesTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly FakeTimeProvider _time = new();
    private readonly CertificateAuthorities _authorities;
    private readonly LeafCertificates _leaves;

    public LeafCertificatesTests()
    {
        _authorities = new CertificateAuthorities(new CaOptions { Directory = _folder["ca"] }, _time, NullLogger.Instance);
        _leaves = new LeafCertificates(_authorities, _time, NullLogger.Instance);
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_host_has_one_context_whatever_the_port()
    {
        Assert.Same(For("api.test"), For("api.test"));
        Assert.Same(For("api.test"), For("api.test", 8443));
        Assert.NotSame(For("api.test"), For("www.test"));
    }

    [Fact]
    public async Task Callers_at_once_wait_for_one_signature()
    {
        using var barrier = new Barrier(64);
        var found = await Task.WhenAll(Enumerable.Range(0, 64).Select(_ => Task.Factory.StartNew(
            () =>
            {
                barrier.SignalAndWait(Limits.Token);
                return For("api.test");
            },
            Limits.Token, TaskCreationOptions.LongRunning, TaskScheduler.Default)));

        Assert.Single(found.Distinct());
    }

    [Fact]
    public void A_leaf_is_renewed_while_it_is_still_good()
    {
        var first = For("api.test");
        _time.Advance(TimeSpan.FromHours(12) - TimeSpan.FromSeconds(1));
        Assert.Same(first, For("api.test"));
        _time.Advance(TimeSpan.FromSeconds(1));
        var second = For("api.test");

        Assert.NotSame(first, second);
        Assert.Same(second, For("api.test"));
        Assert.True(first.TargetCertificate.NotAfter.ToUniversalTime() > _time.GetUtcNow().UtcDateTime);
    }

    [Fact]
    public void The_one_used_longest_ago_goes_first()
    {
        var kept = For("kept.test");
        var gone = For("gone.test");
        for (var i = 0; i < LeafCertificates.Capacity - 1; i++)
        {
            _time.Advance(TimeSpan.FromMilliseconds(20));
            if (i % 1000 == 0) For("kept.test");
            For($"h{i}.test");
        }

        Assert.Same(kept, For("kept.test"));
        Assert.NotSame(gone, For("gone.test"));
    }

    [Fact]
    public void Ten_thousand_hosts_that_policy_never_allows_take_nobodys_place()
    {
        var allowed = For("api.test");
        var refused = 0;
        for (var i = 0; i < 10_000; i++)
        {
            _time.Advance(TimeSpan.FromMilliseconds(100));
            if (ForRefused($"h{i}.test") is null) refused++;
        }

        Assert.Equal(0, refused);
        Assert.Same(allowed, For("api.test"));
        Assert.Equal(1 + LeafCertificates.CapacityForRefused, _leaves.Count);
    }

    [Fact]
    public void A_session_that_asks_for_many_such_hosts_at_once_waits_and_no_other_does()
    {
        for (var i = 0; i < LeafCertificates.AtOnceForRefused; i++) Assert.NotNull(ForRefused($"h{i}.test"));

        Assert.Null(ForRefused("more.test"));
        Assert.NotNull(ForRefused("h7.test"));
        Assert.NotNull(For("api.test"));
        Assert.NotNull(ForRefused("more.test", session: "s2"));
        _time.Advance(TimeSpan.FromSeconds(1));
        for (var i = 0; i < LeafCertificates.PerSecondForRefused; i++) Assert.NotNull(ForRefused($"later{i}.test"));
        Assert.Null(ForRefused("again.test"));
    }

    [Fact]
    public void Nor_does_a_session_get_leaves_without_end_for_hosts_that_policy_could_allow()
    {
        for (var i = 0; i < LeafCertificates.AtOnce; i++) For($"h{i}.test");

        var refused = Assert.Throws<LeafRefusedException>(() => For("more.test"));
        Assert.Equal("the session asks for too many different hosts: more than 500 at once or 50 new ones a second.", refused.Message);
        For("h7.test");
        For("more.test", session: "s2");
        Assert.NotNull(ForRefused("refused.test"));
        _time.Advance(TimeSpan.FromSeconds(1));
        for (var i = 0; i < LeafCertificates.PerSecond; i++) For($"later{i}.test");
        Assert.Throws<LeafRefusedException>(() => For("again.test"));
    }

    [Fact]
    public void After_a_rotation_no_leaf_of_the_old_root_is_handed_out()
    {
        var (one, other) = (For("api.test"), ForRefused("other.test")!);
        new CaDirectory(_folder["ca"], _time).Rotate(TimeSpan.FromHours(1), null);
        _authorities.Look();
        Assert.Same(one, For("api.test"));
        Assert.Same(other, ForRefused("other.test"));

        _time.Advance(TimeSpan.FromHours(1));
        _authorities.Look();

        Assert.NotEqual(one.TargetCertificate.IssuerName.Name, For("api.test").TargetCertificate.IssuerName.Name);
        Assert.NotEqual(one.TargetCertificate.IssuerName.Name, ForRefused("other.test")!.TargetCertificate.IssuerName.Name);
        Assert.Same(For("api.test"), For("api.test"));
    }

    private SslStreamCertificateContext For(string host, int port = 443, string session = "s1") => _leaves.ForAsync(Destination(host, port), session, couldBeAllowed: true).GetAwaiter().GetResult();

    private SslStreamCertificateContext? ForRefused(string host, string session = "s1")
    {
        try
        {
            return _leaves.ForAsync(Destination(host, 443), session, couldBeAllowed: false).GetAwaiter().GetResult();
        }
        catch (LeafRefusedException)
        {
            return null;
        }
    }

    private static HostPort Destination(string host, int port) =>
        HostPort.TryCreate(host, port, out var destination, out _) ? destination : throw new ArgumentException(host, nameof(host));
}
