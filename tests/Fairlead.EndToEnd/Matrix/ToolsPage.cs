using System.Text;
using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Matrix;

/// <summary>docs/tools.md: written by `./dev tools` from a run, and read by every other run.</summary>
internal static class ToolsPage
{
    private const string Works = "works";

    private const string Head = """
        # Tools

        What each tool does behind `fairlead run -- TOOL`, with an empty home and nothing set for it about proxies or certificates. `./dev tools` wrote this page
        from a run; `./dev test` repeats the run and fails when a result differs.

        The way is the one users have, each hop in a network of its own: container, egress proxy (Squid, with Basic credentials), ingress (nginx: TLS,
        a path prefix, cut after 50 idle seconds), gateway, origin. The container has no name server and no route but to the egress proxy. A tool *works* when
        its job succeeded, the gateway's audit has its requests under the right session, and every request that the origin saw under the tool's host carried the
        header that the gateway adds. Where a registry is had to be said, since these are local; what else was said is
        in the job. A command that a result names was run as well.

        | tool | version | job | result |
        |---|---|---|---|

        """;

    private static string Path => System.IO.Path.Combine(Repository.Root, "docs", "tools.md");

    /// <summary>Whether this run is to write the page.</summary>
    public static bool IsWanted => Environment.GetEnvironmentVariable("FAIRLEAD_WRITE_TOOLS") == "1";

    public static string Result(MatrixTool tool) => tool switch
    {
        { Cannot: null } => Works,
        { Instead: null } => $"no: {tool.Cannot}",
        _ => $"no: {tool.Cannot}; `{tool.Filled(tool.Instead)}` works",
    };

    public static Task WriteAsync(Func<MatrixTool, string> version)
    {
        var text = new StringBuilder(Head);
        foreach (var tool in Rows.All) text.Append($"| {tool.Name} | {Cell(version(tool))} | {Cell(tool.Job)} | {Cell(Result(tool))} |\n");
        return File.WriteAllTextAsync(Path, text.ToString());
    }

    /// <summary>The result that the page has for a tool, or null when it has none.</summary>
    public static string? Documented(MatrixTool tool) => File.ReadLines(Path)
        .Where(line => line.StartsWith($"| {tool.Name} | ", StringComparison.Ordinal))
        .Select(line => line.TrimEnd('|', ' ').Split(" | ")[^1])
        .SingleOrDefault();

    private static string Cell(string text) => text.Replace("|", "/", StringComparison.Ordinal);
}
