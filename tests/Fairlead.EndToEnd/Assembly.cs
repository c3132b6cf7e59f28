global using Xunit;
using Fairlead.EndToEnd.Harness;

// Two cores are the usual machine of CI; a test runs up to five programs.
[assembly: CollectionBehavior(MaxParallelThreads = 2)]
[assembly: AssemblyFixture(typeof(SharedSite))]
