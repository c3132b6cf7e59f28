namespace Fairlead.EndToEnd.Harness;

/// <summary>Where things are in the working copy that this test program was built from.</summary>
internal static class Repository
{
    public static string Root { get; } = Find("Fairlead.slnx");

    /// <summary>The folder with the built programs: <c>FAIRLEAD_OUT</c>, or <c>out</c> as <c>./dev build</c> leaves it.</summary>
    public static string Out { get; } = Environment.GetEnvironmentVariable("FAIRLEAD_OUT") is { Length: > 0 } given ? given : Path.Combine(Root, "out");

    public static string Relay => Path.Combine(Out, "fairlead");

    public static string Gateway => Path.Combine(Out, "fairlead-gateway");

    public static string AuditSchema => Path.Combine(Root, "docs", "audit.schema.json");

    public static string NodeModules => Path.Combine(Root, "tests", "node_modules");

    /// <summary>The program that gets a URL with .NET's own client.</summary>
    public static string HttpGet => Path.Combine(Root, "artifacts", "bin", "Fairlead.HttpGet", "release", "Fairlead.HttpGet.dll");

    public static string Script(string name) => Path.Combine(Root, "tests", "Fairlead.EndToEnd", "Scripts", name);

    private static string Find(string marker)
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, marker))) return folder.FullName;
        }

        throw new DirectoryNotFoundException($"expected {marker} in a folder above {AppContext.BaseDirectory}");
    }
}
