namespace Fairlead.Gateway.Audit;

/// <summary>Where a gateway goes on with an audit that is there, or begins one.</summary>
/// <param name="File">Which it writes.</param>
/// <param name="Chain">Behind the last record of all files.</param>
/// <param name="ChainId">Which chain that is: 32 digits that all of its files share.</param>
/// <param name="Preface">What must stand before the next record.</param>
/// <param name="First">The first records.</param>
/// <param name="Began">When the first record of the file was made.</param>
/// <param name="IsSigned">False when the gateway before has left records without a checkpoint.</param>
internal sealed record AuditStart(DurableFile File, AuditChain Chain, string ChainId, byte[] Preface, byte[][] First, DateTimeOffset Began, bool IsSigned)
{
    private const int ChainIdDigits = 32;

    /// <exception cref="IOException">A file cannot be opened, or another gateway writes to it.</exception>
    /// <exception cref="InvalidDataException">What is there is no audit of this version.</exception>
    public static AuditStart Of(AuditOptions options, AuditKey key, DateTimeOffset now, ILogger logger)
    {
        var file = DurableFile.Open(options.File);
        try
        {
            var end = AuditEnd.Of(file.Handle, file.Path);
            if (end.Continued is { } continued)
            {
                // The gateway before was killed within a rotation.
                if (end.LacksLineFeed) _ = file.Append("\n"u8);
                var closed = AuditFiles.ClosedName(file.Path, end.Chain.Seq, continued.Time);
                CaptureFile.Move(AuditFiles.CapturesOf(file.Path), closed);
                System.IO.File.Move(file.Path, closed, overwrite: false);
                file.Dispose();
                file = DurableFile.Open(options.File);
                end = AuditEnd.Of(file.Handle, file.Path);
            }

            if (end.Torn.Length > 0) logger.AuditLineWasTorn(file.Path, end.Torn.Length);
            return GoOn(options, key, file, end, now, logger);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private static AuditStart GoOn(AuditOptions options, AuditKey key, DurableFile file, AuditEnd end, DateTimeOffset now, ILogger logger)
    {
        var closed = AuditFiles.ClosedOf(file.Path);
        var before = end.Last is null && closed.Count > 0 ? closed[^1].Path : null;
        var chain = before is null ? end.Chain : AuditEnd.Of(before).Chain;
        var hasRecord = end.Last is not null;
        if (HeadOf(options, key) is { } head && head.Seq > chain.Seq)
        {
            // Signed by us, and not there any more. The chain goes on behind it, so that the hole is seen for ever.
            if (hasRecord || before is not null) logger.AuditWasCut(file.Path, chain.Seq, head.Seq);
            chain = head;
            before = null;
        }

        if (chain.Seq == 0) chain = AuditChain.New();
        var id = ChainIdOf(file.Path, closed, hasRecord) ?? chain.Head[..ChainIdDigits];
        var first = new List<byte[]>();
        if (end.Torn.Length > 0) first.Add(AuditText.Repaired(now, end.Torn));
        if (!hasRecord && chain.Seq > 0) first.Add(AuditText.Continues(now, before, id));
        first.Add(AuditText.Opened(now, options.Guarantee, key.Id));
        var began = hasRecord && AuditFiles.FirstOf(file.Path)?.Time is { } time ? time : now;
        return new AuditStart(file, chain, id, end.LacksLineFeed ? "\n"u8.ToArray() : [], [.. first], began, end.Last is null or { Type: "checkpoint" });
    }

    /// <returns>The last checkpoint that a gateway with this key has kept, or null.</returns>
    private static AuditChain? HeadOf(AuditOptions options, AuditKey key)
    {
        if (!System.IO.File.Exists(options.HeadFile)) return null;
        var bytes = System.IO.File.ReadAllBytes(options.HeadFile).AsSpan().TrimEnd((byte)'\n').ToArray();
        if (!AuditLine.TryParse(bytes, out var line) || Checkpoint.Read(line)?.IsBy(key, new AuditChain(line.Seq - 1, line.Prev)) != true) return null;
        return new AuditChain(line.Seq, AuditChain.HashOf(bytes));
    }

    /// <returns>What the files say, the newest first; null when none does.</returns>
    private static string? ChainIdOf(string active, IReadOnlyList<(string Path, long LastSeq)> closed, bool hasRecord)
    {
        foreach (var path in closed.Select(c => c.Path).Append(active).Reverse().Skip(hasRecord ? 0 : 1))
        {
            using var file = AuditFiles.Open(path);
            // A torn first line is marked by the second, and the third is what it would have been.
            foreach (var (bytes, _) in AuditLine.Read(file).Take(3))
            {
                if (!AuditLine.TryParse(bytes, out var line)) continue;
                if (line.Seq == 1) return line.Prev.Length >= ChainIdDigits ? line.Prev[..ChainIdDigits] : null;
                if (line.Type == "continues" && line.Text("chain") is { } id) return id;
            }
        }

        return null;
    }
}
