namespace Fairlead.Relay.Trust;

/// <summary>How a tool is asked for <see cref="Url"/>, which the gateway itself answers inside the tunnel.</summary>
/// <param name="Arguments">The tool's arguments.</param>
internal sealed record Probe(params string[] Arguments)
{
    /// <summary>What is asked for.</summary>
    public const string Url = "https://fairlead.test/";

    /// <summary>Stands in the arguments for the path of a file that holds <see cref="Input"/>: Java runs no program from a pipe.</summary>
    public const string InputFile = "{input}";

    /// <summary>What the tool finds on its standard input, or in the file that <see cref="InputFile"/> stands for. Default nothing.</summary>
    public string Input { get; init; } = "";

    /// <summary>
    /// A text in the tool's output, on either stream, that shows that it got an answer over verified TLS though it ended with an error: git finds
    /// no repository, say. Null means that exit code 0 shows it.
    /// </summary>
    public string? Shows { get; init; }
}
