namespace Fairlead.Relay.Trust;

/// <summary>How a tool is asked for <see cref="Url"/>, which the gateway itself answers inside the tunnel.</summary>
/// <param name="Arguments">The tool's arguments.</param>
internal sealed record Probe(params string[] Arguments)
{
    /// <summary>What is asked for.</summary>
    public const string Url = "https://fairlead.test/";

    /// <summary>What the tool finds on its standard input. Default nothing.</summary>
    public string Input { get; init; } = "";

    /// <summary>
    /// A text in the tool's output, on either stream, that shows that it got an answer over verified TLS though it ended with an error: git finds
    /// no repository, say. Null means that exit code 0 shows it.
    /// </summary>
    public string? Shows { get; init; }
}
