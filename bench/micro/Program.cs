using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

[assembly: System.Runtime.Versioning.SupportedOSPlatform("linux")]

// In this process: what is measured is what was built, and nothing is restored or compiled meanwhile.
var job = Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance);
var config = DefaultConfig.Instance.AddJob(job).AddDiagnoser(MemoryDiagnoser.Default).WithArtifactsPath("artifacts/bench/micro").WithOptions(ConfigOptions.JoinSummary | ConfigOptions.DisableLogFile);
var summaries = BenchmarkSwitcher.FromAssembly(typeof(Fairlead.Bench.PolicyDecision).Assembly).Run(args.Length > 0 ? args : ["--filter", "*"], config);
return summaries.Any(s => s.Reports.Length > 0 && s.Reports.All(r => r.Success)) ? 0 : 1;
