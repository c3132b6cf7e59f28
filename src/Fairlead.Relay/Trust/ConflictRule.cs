namespace Fairlead.Relay.Trust;

/// <summary>Where to look for a setting that wins over the relay's, and what to say about it.</summary>
internal sealed record ConflictRule
{
    private ConflictRule() { }

    /// <summary>
    /// Files: <c>~/</c> is the home directory, <c>$NAME</c> a variable's value (skipped where it is not set), <c>./</c> the working directory, a <c>*</c>
    /// in the last part any name. None when the rule is about variables.
    /// </summary>
    public IReadOnlyList<string> Files { get; private init; } = [];

    /// <summary>
    /// Settings in those files as <c>section.key</c> or <c>section.key=value</c>, in lower case, <c>*</c> for anything; or names of variables,
    /// <c>NAME</c> or <c>NAME=value</c>.
    /// </summary>
    public required IReadOnlyList<string> Keys { get; init; }

    /// <summary>What it means, a whole sentence.</summary>
    public required string Consequence { get; init; }

    /// <summary>What helps, a whole sentence.</summary>
    public required string Remedy { get; init; }

    /// <summary>Settings in files.</summary>
    public static ConflictRule InFiles(IReadOnlyList<string> files, IReadOnlyList<string> keys, string consequence, string remedy) =>
        new() { Files = files, Keys = keys, Consequence = consequence, Remedy = remedy };

    /// <summary>Variables.</summary>
    public static ConflictRule InEnvironment(IReadOnlyList<string> keys, string consequence, string remedy) =>
        new() { Keys = keys, Consequence = consequence, Remedy = remedy };
}
