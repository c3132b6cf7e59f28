using System.Text;
using System.Text.Json.Nodes;

namespace Fairlead.EndToEnd.Harness;

/// <summary>How a tool ended, and what it said.</summary>
internal sealed record ToolResult(string Command, int ExitCode, byte[] StdoutBytes, string Stderr)
{
    public string Stdout => Encoding.UTF8.GetString(StdoutBytes);

    public JsonNode Json => JsonNode.Parse(Succeeded().Stdout) ?? throw new InvalidDataException("expected JSON, got null");

    /// <summary>Fails the test with everything the tool said, unless it ended with 0.</summary>
    public ToolResult Succeeded()
    {
        if (ExitCode != 0) Assert.Fail($"expected exit code 0\n{this}");
        return this;
    }

    /// <summary>Fails the test when the tool took a broken answer for a whole one.</summary>
    public ToolResult Failed()
    {
        if (ExitCode == 0) Assert.Fail($"expected an exit code other than 0\n{this}");
        return this;
    }

    public override string ToString() => $"{Command}\nexit code {ExitCode}\nstdout:\n{Shorten(Stdout)}\nstderr:\n{Shorten(Stderr)}";

    private static string Shorten(string text) => text.Length <= 8000 ? text : $"{text[..4000]}\n[...]\n{text[^4000..]}";
}
