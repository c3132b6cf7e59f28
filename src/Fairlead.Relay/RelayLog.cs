using Fairlead.Wire;

namespace Fairlead.Relay;

/// <summary>The relay's voice: one line each on stderr, prefix <c>fairlead: </c>. No line ever holds a token or a header's value.</summary>
/// <param name="output">Where lines go.</param>
/// <param name="isVerbose">True to have details, and a line for each tunnel.</param>
internal sealed class RelayLog(TextWriter output, bool isVerbose)
{
    private readonly Lock _line = new();

    /// <summary>Something an operator asked for or should know; nothing is wrong.</summary>
    public void Notice(string text) => Write(text);

    /// <summary>Something that helps who looks for it; only with --verbose.</summary>
    public void Detail(string text)
    {
        if (isVerbose) Write(text);
    }

    /// <summary>Something an operator should look at.</summary>
    public void Warning(string text) => Write($"warning: {text}");

    /// <summary>Something was not done that was asked for.</summary>
    public void Error(string text) => Write($"error: {text}");

    /// <summary>How a tunnel ended; only with --verbose.</summary>
    /// <param name="target">The target as the tool wrote it.</param>
    /// <param name="outcome">What happened.</param>
    /// <param name="bytesUp">Data bytes from the tool.</param>
    /// <param name="bytesDown">Data bytes to the tool.</param>
    public void Tunnel(string target, string outcome, long bytesUp, long bytesDown) =>
        Detail($"tunnel {HostPort.Printable(target)}: {outcome}, {bytesUp} bytes up, {bytesDown} bytes down");

    private void Write(string text)
    {
        // Messages of the system may hold line breaks; a line of ours is one line.
        var line = text.ReplaceLineEndings(" ");
        lock (_line) output.WriteLine($"fairlead: {line}");
    }
}
