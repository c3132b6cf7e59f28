namespace Fairlead.EndToEnd.Matrix;

/// <summary>The matrix.</summary>
internal static class Rows
{
    public static IReadOnlyList<MatrixTool> All { get; } = [.. CommandLineRows.All, .. PackageManagerRows.All, .. ClientLibraryRows.All];

    public static TheoryData<string> Names(IEnumerable<MatrixTool> tools) => [.. tools.Select(tool => tool.Name)];
}
