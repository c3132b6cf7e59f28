using System.Diagnostics.CodeAnalysis;
using BenchmarkDotNet.Attributes;
using Fairlead.Gateway.Audit;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fairlead.Bench;

/// <summary>What the audit costs requests that come at once: each with an intent and an outcome. One figure is all of them.</summary>
[SuppressMessage("Design", "CA1001", Justification = "A benchmark's cleanup has an attribute of its own.")]
public class AuditGuarantees
{
    private const int Rounds = 20;

    private string _folder = "";
    private AuditLog _audit = null!;

    /// <summary>How many requests are under way at once.</summary>
    [Params(1, 16, 256)]
    public int AtOnce { get; set; }

    /// <summary>Whether a request waits for the disk.</summary>
    [Params(false, true)]
    public bool IsDurable { get; set; }

    /// <summary>Opens an audit on the disk of the working folder: /tmp may be memory.</summary>
    [GlobalSetup]
    public void Setup()
    {
        _folder = Directory.CreateDirectory(Path.Combine("artifacts", "bench", $"audit-{Guid.NewGuid():N}")).FullName;
        _audit = AuditLog.Open(new AuditOptions(Path.Combine(_folder, "audit.jsonl")) { Guarantee = IsDurable ? AuditGuarantee.BeforeUpstream : AuditGuarantee.BestEffort }, TimeProvider.System, NullLogger.Instance);
    }

    /// <summary>Removes it.</summary>
    [GlobalCleanup]
    public void End()
    {
        _audit.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>Each of those at once does twenty requests, one behind the other.</summary>
    [Benchmark]
    public Task Record() => Task.WhenAll(Enumerable.Range(0, AtOnce).Select(_ => Task.Run(async () =>
    {
        for (var i = 0; i < Rounds; i++)
        {
            var record = AuditAppend.Sample();
            if (!await _audit.IntendAsync(record, CancellationToken.None)) throw new InvalidOperationException("the intent was refused");
            await _audit.WriteAsync(record);
        }
    })));
}
