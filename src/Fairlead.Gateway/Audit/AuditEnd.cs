namespace Fairlead.Gateway.Audit;

/// <summary>How a file ends that a gateway is about to continue.</summary>
/// <param name="Chain">Behind the last whole record.</param>
/// <param name="Torn">What a crash left behind it; empty after an orderly end.</param>
/// <param name="LacksLineFeed">True when the last line has no end.</param>
internal sealed record AuditEnd(AuditChain Chain, byte[] Torn, bool LacksLineFeed)
{
    // A crash tears what one write held, and power that fails what came since the last one that was synced.
    private const int MostTornBytes = 8 * 1024 * 1024;

    /// <exception cref="InvalidDataException">There is no record of this version at the end.</exception>
    public static AuditEnd Of(DurableFile file)
    {
        var bytes = file.ReadEnd(MostTornBytes);
        var lacksLineFeed = bytes.Length > 0 && bytes[^1] != '\n';
        var text = bytes.AsMemory(0, bytes.Length - (bytes.Length > 0 && !lacksLineFeed ? 1 : 0));
        for (var end = text.Length; end > 0;)
        {
            var begin = text.Span[..end].LastIndexOf((byte)'\n') + 1;
            // A record is one JSON object, so that no part of it is one: what can be read is whole.
            if (AuditLine.TryParse(text[begin..end], out var line))
                return new AuditEnd(new AuditChain(line.Seq, AuditChain.HashOf(text.Span[begin..end])), text[Math.Min(end + 1, text.Length)..].ToArray(), lacksLineFeed);
            end = begin - 1;
        }

        // Nothing, or a first line that was torn.
        if (bytes.Length == file.Length && !text.Span.Contains((byte)'\n') && (bytes.Length == 0 || lacksLineFeed)) return new AuditEnd(AuditChain.New(), text.ToArray(), lacksLineFeed);
        throw new InvalidDataException($"expected an audit of version {AuditChain.SchemaVersion} in {file.Path}, got a file that ends in other lines; move it away, and the gateway begins another one");
    }
}
