using System.Diagnostics;
using System.Globalization;
using Fairlead.Gateway.Audit;
using Fairlead.Gateway.Policy;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fairlead.Tests.Gateway.Audit;

/// <summary>What an audit costs that has grown: run by itself, since it is the process's memory that it looks at.</summary>
[CollectionDefinition(nameof(AuditGrowthTests), DisableParallelization = true)]
[Collection(nameof(AuditGrowthTests))]
public sealed class AuditGrowthTests : IDisposable
{
    private const long MostBytesKept = 16 * 1024 * 1024;

    /// <summary>20,000, or as many as `./dev soak` asks for.</summary>
    private static readonly int Requests = int.TryParse(Environment.GetEnvironmentVariable("FAIRLEAD_SOAK_RECORDS"), CultureInfo.InvariantCulture, out var requests) ? requests : 20_000;

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_large_audit_is_verified_and_searched_in_constant_memory()
    {
        var active = _folder["audit.jsonl"];
        var began = Stopwatch.GetTimestamp();
        using (var audit = AuditLog.Open(new(active) { Guarantee = AuditGuarantee.BestEffort, Rotation = new() { Size = 64 * 1024 * 1024 } }, TimeProvider.System, NullLogger.Instance))
        {
            for (var i = 0; i < Requests; i++)
            {
                await audit.WriteAsync(AuditLogTests.RequestOf($"/things/{i}") with { Request = Guid.CreateVersion7().ToString("N"), Decision = new(Verdict.Allow, true, "allow GET a.test/**", "r"), Credentials = ["c"], Status = 200 });
            }
        }

        var written = Stopwatch.GetElapsedTime(began);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        began = Stopwatch.GetTimestamp();
        var (finding, found) = Verification.Of(active);
        var verified = Stopwatch.GetElapsedTime(began);
        Assert.Null(finding);
        Assert.InRange(found.Records, Requests, Requests * 2);
        var afterVerify = GC.GetTotalMemory(forceFullCollection: true) - before;
        GC.KeepAlive(found);

        began = Stopwatch.GetTimestamp();
        using var reading = AuditReading.Open([active]);
        var matches = 0;
        var kept = 0L;
        foreach (var _ in new AuditQuery { Host = "a.test" }.Find(reading.Files.Select(f => f.Stream), () => { }))
        {
            if (++matches == Requests) kept = GC.GetTotalMemory(forceFullCollection: true) - before;
        }

        var searched = Stopwatch.GetElapsedTime(began);
        Assert.Equal(Requests, matches);
        Assert.True(afterVerify < MostBytesKept && kept < MostBytesKept, $"{afterVerify} and {kept} bytes are kept");
        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{Requests} requests, {AuditFiles.Expand([active]).Sum(f => new FileInfo(f).Length) >> 20} MiB in {reading.Files.Count} files: written in {written.TotalSeconds:f1} s, verified in {verified.TotalSeconds:f1} s, searched in {searched.TotalSeconds:f1} s; {afterVerify >> 10} and {kept >> 10} KiB kept; peak working set {Process.GetCurrentProcess().PeakWorkingSet64 >> 20} MiB"));
    }
}
