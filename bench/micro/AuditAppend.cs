using System.Diagnostics.CodeAnalysis;
using BenchmarkDotNet.Attributes;
using Fairlead.Gateway.Audit;
using Fairlead.Gateway.Policy;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fairlead.Bench;

/// <summary>What one record costs that nobody waits for: its text, and its place in the file, the chain and the checkpoints.</summary>
[SuppressMessage("Design", "CA1001", Justification = "A benchmark's cleanup has an attribute of its own.")]
public class AuditAppend
{
    private const int Records = 10_000;

    private readonly RequestRecord _record = Sample();
    private string _folder = "";
    private AuditLog _audit = null!;

    /// <summary>Opens an audit in memory where there is some: the disk is not what is asked here.</summary>
    [GlobalSetup]
    public void Setup()
    {
        _folder = Directory.CreateTempSubdirectory("fairlead-bench-").FullName;
        _audit = AuditLog.Open(new AuditOptions(Path.Combine(_folder, "audit.jsonl")) { Guarantee = AuditGuarantee.BestEffort }, TimeProvider.System, NullLogger.Instance);
    }

    /// <summary>Removes it.</summary>
    [GlobalCleanup]
    public void End()
    {
        _audit.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>The text alone.</summary>
    [Benchmark]
    public int Text() => AuditText.Of(_record).Length;

    /// <summary>Into the file: the queue is short, so what is measured is its writer.</summary>
    [Benchmark(OperationsPerInvoke = Records)]
    public async Task Append()
    {
        for (var i = 0; i < Records; i++) await _audit.WriteAsync(_record);
    }

    /// <summary>A usual request: allowed, with a credential.</summary>
    internal static RequestRecord Sample()
    {
        var now = TimeProvider.System.GetUtcNow();
        var id = Guid.CreateVersion7(now).ToString("N");
        return new RequestRecord
        {
            Time = now,
            Request = id,
            Tunnel = id,
            Session = "bench",
            Protocol = "h2",
            Method = "GET",
            Host = "api.example.com",
            Port = 443,
            Path = "/v1/things/17",
            Policy = "bench",
            PolicyHash = "0123456789abcdef",
            Decision = new Decision(Verdict.Allow, true, "allow GET api.example.com/**", ""),
            Credentials = ["bench"],
            Status = 200,
            Outcome = Outcome.Completed,
        };
    }
}
