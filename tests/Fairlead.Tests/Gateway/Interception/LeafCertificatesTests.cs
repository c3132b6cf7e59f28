using System.Net.Security;
using Fairlead.Gateway.Interception;
using Fairlead.Wire;

namespace Fairlead.Tests.Gateway.Interception;

public sealed class LeafCertificatesTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly FakeTimeProvider _time = new();
    private readonly CertificateAuthority _authority;
    private readonly LeafCertificates _leaves;

    public LeafCertificatesTests()
    {
        _authority = CertificateAuthority.OpenOrCreate(_folder["ca"], _time);
        _leaves = new LeafCertificates(_authority, _time);
    }

    public void Dispose()
    {
        _authority.Dispose();
        _folder.Dispose();
    }

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
            if (i % 1000 == 0) For("kept.test");
            For($"h{i}.test");
        }

        Assert.Same(kept, For("kept.test"));
        Assert.NotSame(gone, For("gone.test"));
    }

    private SslStreamCertificateContext For(string host, int port = 443) =>
        HostPort.TryCreate(host, port, out var destination, out _) ? _leaves.For(destination) : throw new ArgumentException(host, nameof(host));
}
