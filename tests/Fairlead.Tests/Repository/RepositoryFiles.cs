namespace Fairlead.Tests.Repository;

/// <summary>The files of this repository, for tests that read them.</summary>
internal static class RepositoryFiles
{
    public static string Root { get; } = FindRoot();

    public static string PathOf(params ReadOnlySpan<string> parts) => Path.Combine([Root, .. parts]);

    /// <summary>The C# files below a folder, as paths from the root; none when the folder does not exist.</summary>
    public static IEnumerable<string> SourcesBelow(params ReadOnlySpan<string> parts)
    {
        var folder = PathOf(parts);
        if (!Directory.Exists(folder)) return [];
        return Directory.EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(Root, path))
            .Where(path => !path.Split('/').Any(part => part is "bin" or "obj"))
            .Order(StringComparer.Ordinal);
    }

    private static string FindRoot()
    {
        for (var folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (File.Exists(Path.Combine(folder, "Fairlead.slnx"))) return folder;
        }

        throw new InvalidOperationException("Expected Fairlead.slnx in a folder above the test program.");
    }
}
