global using Xunit;
using Fairlead.EndToEnd.Harness;
using Fairlead.EndToEnd.Matrix;

// Two cores are the usual machine of CI; a test runs up to five programs.
[assembly: CollectionBehavior(MaxParallelThreads = 2)]
[assembly: System.Runtime.Versioning.SupportedOSPlatform("linux")]
[assembly: AssemblyFixture(typeof(SharedSite))]
[assembly: AssemblyFixture(typeof(ToolSite))]
