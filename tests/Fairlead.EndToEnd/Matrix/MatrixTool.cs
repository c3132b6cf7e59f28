using Fairlead.EndToEnd.Origins;

namespace Fairlead.EndToEnd.Matrix;

/// <summary>
/// A tool that nobody configured for Fairlead, and the job it does: a row of docs/tools.md. In texts, HOST is the tool's own host, so that whatever reached
/// the origin or the audit under that name was this tool.
/// </summary>
/// <param name="Name">As people call it. Its letters and digits name the host.</param>
internal sealed record MatrixTool(string Name)
{
    /// <summary>What it does, for the page.</summary>
    public required string Job { get; init; }

    /// <summary>A shell command whose first line of output says the version.</summary>
    public required string Version { get; init; }

    /// <summary>What stands behind `fairlead run --`.</summary>
    public required string[] Command { get; init; }

    /// <summary>The preset that lets it in, and nothing else does; null for a rule.</summary>
    public string? Preset { get; init; }

    /// <summary>Options of `fairlead run`.</summary>
    public string[] RunOptions { get; init; } = [];

    /// <summary>Files of the working directory, which is the tool's home too: what says where a registry is, or a program to run.</summary>
    public IReadOnlyDictionary<string, string> Files { get; init; } = new Dictionary<string, string>();

    /// <summary>Variables that say where a registry is, or who signs: nothing of proxies or trust.</summary>
    public IReadOnlyDictionary<string, string> Variables { get; init; } = new Dictionary<string, string>();

    /// <summary>Fills the origin, or the tool's home beyond plain files.</summary>
    public Func<ToolSite, string, Task>? Prepare { get; init; }

    /// <summary>What standard output must hold.</summary>
    public string Prints { get; init; } = "";

    /// <summary>A file, below the home, that the job must have made.</summary>
    public string? Makes { get; init; }

    /// <summary>Why the tool cannot get through; null for one that does.</summary>
    public string? Cannot { get; init; }

    /// <summary>For a tool that cannot: a shell command that gets through all the same, or null.</summary>
    public string? Instead { get; init; }

    public string Host => string.Concat(Name.ToLowerInvariant().Select(c => char.IsAsciiLetterOrDigit(c) ? c : '-')).Trim('-') + "." + FileTree.Domain;

    public string Filled(string text) => text.Replace("HOST", Host, StringComparison.Ordinal);
}
