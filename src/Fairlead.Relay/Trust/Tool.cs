namespace Fairlead.Relay.Trust;

/// <summary>
/// A tool, and how it learns of the relay without being configured. The tools together (<see cref="Tools.All"/>) are the one table from which the
/// child's environment, the documentation and `fairlead doctor` are made.
/// </summary>
internal sealed record Tool
{
    /// <summary>How people call it: "curl".</summary>
    public required string Name { get; init; }

    /// <summary>The programs it may be on the PATH, the first found counts; none for a library.</summary>
    public IReadOnlyList<string> Commands { get; init; } = [];

    /// <summary>How it tells its version, on the first line of its output. Default <c>--version</c>.</summary>
    public IReadOnlyList<string> VersionArguments { get; init; } = ["--version"];

    /// <summary>What it reads of what the relay sets; several tools may share a variable.</summary>
    public IReadOnlyList<Variable> Variables { get; init; } = [];

    /// <summary>What is written for it.</summary>
    public IReadOnlyList<GeneratedFile> Files { get; init; } = [];

    /// <summary>Settings of the user's that would win over the relay's.</summary>
    public IReadOnlyList<ConflictRule> Conflicts { get; init; } = [];

    /// <summary>How to try it out, or null where no harmless command does.</summary>
    public Probe? Probe { get; init; }

    /// <summary>What a user should know: what does not work, or why; a sentence, or empty.</summary>
    public string Note { get; init; } = "";
}
